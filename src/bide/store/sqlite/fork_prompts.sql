-- `prompts` are pairs of the id there and the id here. Nobody was shown them here.
insert into bide_prompt (
    id, job, owner, key, kind, data, schema, status, assignee, default_value, opened_at, deadline_at, closed_at
)
select
    s.value ->> 1, :id, prompt.owner, prompt.key, prompt.kind, prompt.data, prompt.schema, prompt.status,
    prompt.assignee, prompt.default_value, prompt.opened_at, prompt.deadline_at, prompt.closed_at
from json_each(:prompts) as s
cross join bide_prompt as prompt on prompt.id = s.value ->> 0
