-- For what was claimed in this transaction: `permits` are arrays of rowid, lane, and for how long a rate counts it.
insert into bide_permit (job, lease, lane, at, expires_at)
select job.id, job.lease, s.value ->> 1, :now, :now + (s.value ->> 2)
from json_each(:permits) as s
cross join bide_job as job on job.rowid = s.value ->> 0
