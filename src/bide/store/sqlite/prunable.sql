-- Which jobs may be deleted: one predicate for counting and for deleting.
select id from bide_job
where finished_at < :before
    and finished_at is not null
    and status in ('completed', 'failed', 'cancelled')
    and status in (select value from json_each(:statuses))
    and (:owner is null or owner = :owner)
