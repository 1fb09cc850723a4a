-- `prompts` as in `fork_prompts`; a response is named after the question it has here.
insert into bide_response (prompt, id, job, action, value, by, at, defaulted)
select
    s.value ->> 1, s.value ->> 1, :id, response.action, response.value, response.by, response.at, response.defaulted
from json_each(:prompts) as s
cross join bide_response as response on response.prompt = s.value ->> 0
