-- As `count_open`, along the index of one owner.
select count(*)
from bide_job as job
cross join bide_prompt as prompt on prompt.job = job.id
where job.owner = :owner and prompt.status = 'open'
