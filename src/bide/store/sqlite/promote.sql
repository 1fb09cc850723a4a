-- Steps through the urgencies of each queue by seeks in the index of claims, so that a long backlog costs nothing. The
-- topmost of a queue has nothing above it.
update bide_job set urgency = :highest
where id in (
    with recursive
        queues (queue) as (
            select min(queue) from bide_job where status = 'pending' and ready = 1
            union all
            select (select min(job.queue) from bide_job as job
                    where job.status = 'pending' and job.ready = 1 and job.queue > queues.queue)
            from queues
            where queues.queue is not null
        ),
        levels (queue, urgency, top) as (
            select queue, (select max(job.urgency) from bide_job as job
                           where job.status = 'pending' and job.ready = 1 and job.queue = queues.queue), 1
            from queues
            where queue is not null
            union all
            select queue, (select max(job.urgency) from bide_job as job
                           where job.status = 'pending' and job.ready = 1 and job.queue = levels.queue
                               and job.urgency < levels.urgency), 0
            from levels
            where urgency is not null
        )
    select job.id
    from levels
    cross join bide_job as job on job.queue = levels.queue and job.urgency = levels.urgency
    where not levels.top and job.status = 'pending' and job.ready = 1 and job.rank < :before
    limit :limit
)
