insert into bide_event (job, seq, at, kind, attempt, lease, data)
select job.id, job.seq, :now, 'job.started', job.attempt, job.lease, :data
from json_each(:ids) as picked
cross join bide_job as job on job.id = picked.value
