select min(at) from (
    select min(due_at) as at from bide_job
    where due_at is not null and ready = 0 and status in ('pending', 'pending_hitl')
    union all
    select min(deadline_at) from bide_prompt where status = 'open' and deadline_at is not null
    union all
    select min(opens_at) from bide_open_lane where opens_at > 0 and opens_at > :now
)
