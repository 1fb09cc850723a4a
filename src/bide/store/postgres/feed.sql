-- The events behind a position, of jobs of these owners, within the window that one call looks at.
select event.pos, event.job, event.seq, event.at, event.kind, event.attempt, event.lease, event.data, job.owner
from bide.event as event
join bide.job as job on job.id = event.job
where event.pos > :after
    and event.pos <= :until
    and (cast(:owners as text[]) is null or job.owner = any(cast(:owners as text[])))
order by event.pos
limit :limit
