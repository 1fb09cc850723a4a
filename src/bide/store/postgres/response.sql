select response.prompt, response.job, response.action, response.value, response.by, response.at, response.defaulted,
    response.id
from bide.response as response
join bide.job as job on job.id = any(array[response.job])
where response.id = :response and response.prompt = :prompt and (cast(:owner as text) is null or job.owner = :owner)
