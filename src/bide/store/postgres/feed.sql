-- The events behind a position, of jobs of these owners, within the window that one call looks at; as many as fit into a
-- page, and one at least.
select pos, job, seq, at, kind, attempt, lease, data, owner
from (
    select event.*, sum(octet_length(coalesce(data, ''))) over by_pos as size, row_number() over by_pos as n
    from (
        select event.*, job.owner
        from bide.event as event
        join bide.job as job on job.id = any(array[event.job])
        where event.pos > :after
            and event.pos <= :until
            and (cast(:owners as text[]) is null or job.owner = any(cast(:owners as text[])))
        order by event.pos
        limit :limit
    ) as event
    window by_pos as (order by pos)
) as page
where size <= :bytes or n = 1
order by pos
