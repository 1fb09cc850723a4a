-- As `count_open`, along the index of one owner.
select count(*)
from bide.job as job
join bide.prompt as prompt on prompt.job = job.id
where job.owner = :owner and prompt.status = 'open'
