-- Whether this lease counts.
select 1 from bide_job where id = :job and lease = :lease and status = 'running'
