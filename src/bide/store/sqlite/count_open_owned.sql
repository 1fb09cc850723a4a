-- As `count_open`, along the index of owners.
select count(*)
from bide_job as job
cross join bide_prompt as prompt on prompt.job = job.id
where job.owner = :owner and job.owner <> '' and prompt.status = 'open'
