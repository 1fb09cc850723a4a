-- Running jobs that have a timeout, and what earlier runs of the attempt left of it.
select job.id, job.lease, job.timeout - job.elapsed
from bide.worker as worker
join bide.job as job on job.worker = worker.id
where job.status = 'running' and job.timeout is not null
