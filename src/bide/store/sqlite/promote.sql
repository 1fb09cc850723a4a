-- Steps through the urgencies of each queue, and lane, by seeks in the index of claims, so that a long backlog costs
-- nothing. What is above may be in another queue: a worker of several takes the most urgent of all. The topmost has
-- nothing above it.
update bide_job set urgency = :highest
where id in (
    with recursive
        lanes (lane) as (
            select min(lane) from bide_job where status = 'pending' and ready = 1
            union all
            select (select min(job.lane) from bide_job as job
                    where job.status = 'pending' and job.ready = 1 and job.lane > lanes.lane)
            from lanes
            where lanes.lane is not null
        ),
        queues (lane, queue) as (
            select lane, (select min(job.queue) from bide_job as job
                          where job.status = 'pending' and job.ready = 1 and job.lane = lanes.lane)
            from lanes
            where lane is not null
            union all
            select lane, (select min(job.queue) from bide_job as job
                          where job.status = 'pending' and job.ready = 1 and job.lane = queues.lane
                              and job.queue > queues.queue)
            from queues
            where queues.queue is not null
        ),
        levels (lane, queue, urgency) as (
            select lane, queue, (select max(job.urgency) from bide_job as job
                                 where job.status = 'pending' and job.ready = 1 and job.lane = queues.lane
                                     and job.queue = queues.queue)
            from queues
            where queue is not null
            union all
            select lane, queue, (select max(job.urgency) from bide_job as job
                                 where job.status = 'pending' and job.ready = 1 and job.lane = levels.lane
                                     and job.queue = levels.queue and job.urgency < levels.urgency)
            from levels
            where urgency is not null
        )
    select job.id
    from levels
    cross join bide_job as job
        on job.lane = levels.lane and job.queue = levels.queue and job.urgency = levels.urgency
    where levels.urgency < (select max(urgency) from levels)
        and job.status = 'pending' and job.ready = 1 and job.rank < :before
    limit :limit
)
