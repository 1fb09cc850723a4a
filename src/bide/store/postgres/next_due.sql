select least(
    (
        select min(due_at) from bide.job
        where due_at is not null and not ready and status in ('pending', 'pending_hitl')
    ),
    (select min(deadline_at) from bide.prompt where status = 'open' and deadline_at is not null),
    (select min(opens_at) from bide.open_lane where opens_at > 0 and opens_at > :now)
)
