-- Whether this lease counts.
select 1 from bide.job where id = :job and lease = :lease and status = 'running'
