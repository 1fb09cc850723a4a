select response.prompt, response.job, response.action, response.value, response.by, response.at, response.defaulted,
    response.id
from bide_response as response
join bide_job as job on job.id = response.job
where response.id = :response and response.prompt = :prompt and (:owner is null or job.owner = :owner)
