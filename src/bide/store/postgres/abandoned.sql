-- Jobs whose worker is buried, or has no row at all: the few workers that jobs name are stepped through by seeks.
with recursive
    named (worker) as (
        (select worker from bide.job where worker is not null order by worker limit 1)
        union all
        select (select job.worker from bide.job as job where job.worker > named.worker order by job.worker limit 1)
        from named
        where named.worker is not null
    )
select job.id, job.lease
from named
cross join lateral (select id, lease from bide.held_v1(named.worker) limit :limit) as job
where named.worker not in (select id from bide.worker where dead_at is null)
limit :limit
