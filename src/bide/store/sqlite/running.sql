-- Whether this lease counts; and what the events of the run carry.
select 1 from bide_job where id = :job and lease = :lease and status = 'running'
