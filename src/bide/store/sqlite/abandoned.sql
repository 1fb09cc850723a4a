-- Jobs whose worker is buried, or has no row at all.
select id, lease from bide_job
where worker is not null
    and status = 'running'
    and worker not in (select id from bide_worker where dead_at is null)
limit :limit
