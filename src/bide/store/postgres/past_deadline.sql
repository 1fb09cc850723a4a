-- With the rows of their jobs, those that nobody else holds.
select prompt.id, prompt.job, prompt.key, prompt.default_value
from (
    select id, job, key, default_value, deadline_at from bide.prompt
    where status = 'open' and deadline_at is not null and deadline_at <= :now
    order by deadline_at
    limit :limit
) as prompt
order by prompt.deadline_at
