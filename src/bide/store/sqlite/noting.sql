-- For facts: which leases count, and the number each job's events have come to. `pairs` are arrays: [job, lease].
select job.id, job.lease, job.seq, job.attempt
from json_each(:pairs) as s
cross join bide_job as job on job.id = s.value ->> 0
where job.lease = s.value ->> 1 and job.status = 'running'
