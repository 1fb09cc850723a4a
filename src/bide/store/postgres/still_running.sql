-- Which of these leases count. `jobs` and `leases` are pairs.
select job.id, job.lease
from unnest(cast(:jobs as text[]), cast(:leases as bigint[])) as s (job, lease)
join bide.job as job on job.id = any(array[s.job]) and job.lease = s.lease
where job.status = 'running'
