-- One event of one job, under the number the job's row has just been given.
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select id, seq, :now, :kind, attempt, lease, :data from bide_job where id = :job
