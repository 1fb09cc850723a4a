-- The columns of a PromptRow, in its order, and those of its ResponseRow.
select
    prompt.id, prompt.job, prompt.owner, prompt.key, prompt.kind, prompt.data, prompt.schema, prompt.status,
    prompt.assignee, prompt.default_value, prompt.opened_at, prompt.deadline_at, prompt.served_at, prompt.closed_at,
    response.action, response.value, response.by, response.at, response.defaulted, response.id
from bide_prompt as prompt
left join bide_response as response on response.prompt = prompt.id
