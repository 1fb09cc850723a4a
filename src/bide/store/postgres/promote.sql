-- Steps through the urgencies of each queue, and lane, by seeks in the index of claims, so that a long backlog costs
-- nothing. What is above may be in another queue: a worker of several takes the most urgent of all. The topmost has
-- nothing above it.
with recursive
    queues (lane, queue) as (
        (select lane, queue from bide.job where status = 'pending' and ready order by lane, queue limit 1)
        union all
        select following.lane, following.queue
        from queues
        cross join lateral (
            select job.lane, job.queue from bide.job as job
            where job.status = 'pending' and job.ready and (job.lane, job.queue) > (queues.lane, queues.queue)
            order by job.lane, job.queue
            limit 1
        ) as following
    ),
    levels (lane, queue, urgency) as (
        select queues.lane, queues.queue, (select job.urgency from bide.job as job
                where job.status = 'pending' and job.ready and job.lane = queues.lane and job.queue = queues.queue
                order by job.urgency desc limit 1)
        from queues
        union all
        select levels.lane, levels.queue, (select job.urgency from bide.job as job
                where job.status = 'pending' and job.ready and job.lane = levels.lane and job.queue = levels.queue
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
            where lane = levels.lane
                and queue = levels.queue
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
