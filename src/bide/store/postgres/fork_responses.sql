-- `there` and `here` as in `fork_prompts`; a response is named after the question it has here.
insert into bide.response (prompt, id, job, action, value, by, at, defaulted)
select
    s.here, s.here, cast(:id as text), response.action, response.value, response.by, response.at, response.defaulted
from unnest(cast(:there as text[]), cast(:here as text[])) as s (there, here)
join bide.response as response on response.prompt = any(array[s.there])
