-- The questions of a job that have an answer, whoever gave it.
select prompt.id from bide.prompt as prompt
join bide.response as response on response.prompt = any(array[prompt.id])
where prompt.job = :job and prompt.status <> 'withdrawn' and response.action = 'answer'
order by prompt.place
