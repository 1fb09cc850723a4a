-- Running jobs that have a timeout, and what earlier runs of the attempt left of it.
select job.id, job.lease, job.timeout - job.elapsed
from bide.worker as worker
cross join lateral bide.held_v1(worker.id) as job
where job.timeout is not null
