insert into bide_event (job, seq, at, kind, attempt, lease, data)
select job.id, job.seq, :now, 'job.started', job.attempt, job.lease, json_object('worker', :worker)
from json_each(:picked) as picked
cross join bide_job as job on job.rowid = picked.value
