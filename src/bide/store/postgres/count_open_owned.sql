-- As `count_open`, along the index of owners.
select count(*)
from bide.job as job
join bide.prompt as prompt on prompt.job = any(array[job.id])
where job.owner = :owner and job.owner <> '' and prompt.status = 'open'
