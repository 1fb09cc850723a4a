-- Which jobs may be deleted: one predicate for counting and for deleting.
select id from bide.job
where finished_at < :before
    and finished_at is not null
    and status in ('completed', 'failed', 'cancelled')
    and status = any(cast(:statuses as text[]))
    and (cast(:owner as text) is null or owner = :owner)
