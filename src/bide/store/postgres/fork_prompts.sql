-- `there` and `here` are the ids that a prompt has there and here. Nobody was shown them here.
insert into bide.prompt (
    id, job, owner, key, kind, data, schema, status, assignee, default_value, opened_at, deadline_at, closed_at
)
select
    s.here, cast(:id as text), prompt.owner, prompt.key, prompt.kind, prompt.data, prompt.schema, prompt.status,
    prompt.assignee, prompt.default_value, prompt.opened_at, prompt.deadline_at, prompt.closed_at
from unnest(cast(:there as text[]), cast(:here as text[])) with ordinality as s (there, here, n)
join bide.prompt as prompt on prompt.id = any(array[s.there])
order by s.n
