-- The events behind a position, of jobs of these owners, within the window that one call looks at.
select event.pos, event.job, event.seq, event.at, event.kind, event.attempt, event.lease, event.data, job.owner
from bide_event as event
join bide_job as job on job.id = event.job
where event.pos > :after
    and event.pos <= :until
    and (:owners is null or job.owner in (select value from json_each(:owners)))
order by event.pos
limit :limit
