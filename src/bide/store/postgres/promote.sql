-- Steps through the urgencies of each queue by seeks in the index of claims, so that a long backlog costs nothing. What
-- is above may be in another queue: a worker of several takes the most urgent of all. The topmost has nothing above it.
with recursive
    queues (queue) as (
        select (select job.queue from bide.job as job
                where job.status = 'pending' and job.ready order by job.queue limit 1)
        union all
        select (select job.queue from bide.job as job
                where job.status = 'pending' and job.ready and job.queue > queues.queue order by job.queue limit 1)
        from queues
        where queues.queue is not null
    ),
    levels (queue, urgency) as (
        select queues.queue, (select job.urgency from bide.job as job
                where job.status = 'pending' and job.ready and job.queue = queues.queue
                order by job.urgency desc limit 1)
        from queues
        where queues.queue is not null
        union all
        select levels.queue, (select job.urgency from bide.job as job
                where job.status = 'pending' and job.ready and job.queue = levels.queue
                    and job.urgency < levels.urgency
                order by job.urgency desc limit 1)
        from levels
        where levels.urgency is not null
    ),
    starving as materialized (
        select job.id
        from levels
        cross join lateral (
            select id from bide.job
            where queue = levels.queue
                and urgency = levels.urgency
                and status = 'pending'
                and ready
                and rank < :before
            limit :limit
            for update skip locked
        ) as job
        where levels.urgency < (select max(urgency) from levels)
        limit :limit
    )
update bide.job set urgency = :highest where id = any(array(select id from starving)) returning 1
