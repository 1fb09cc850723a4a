-- The events of the runs that simply completed, under the lease of the run. `rows` as in `complete`.
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select job.id, job.seq, :now, 'job.completed', job.attempt, job.lease - 1, null
from json_each(:rows) as s
cross join bide_job as job on job.id = s.value ->> 0
