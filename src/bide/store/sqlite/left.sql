-- The events of the ends of runs, under the lease of the run. `rows` as in `leave`.
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select job.id, job.seq, :now, s.value ->> 3, job.attempt, s.value ->> 1, s.value ->> 12
from json_each(:rows) as s
cross join bide_job as job on job.id = s.value ->> 0
