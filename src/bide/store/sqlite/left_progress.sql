-- The last progress of runs, numbered before the event of their end. `rows` as in `leave`.
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select job.id, job.seq - 1, :now, 'progress', job.attempt, s.value ->> 1, s.value ->> 11
from json_each(:rows) as s
cross join bide_job as job on job.id = s.value ->> 0
where s.value ->> 11 is not null
