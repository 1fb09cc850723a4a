-- A lane is open to each queue in which one of its jobs waits.
insert into bide_open_lane (lane, queue, type, urgency, rank, opens_at)
with recursive waits (queue) as (
    select min(queue) from bide_job where lane = :lane and status = 'pending' and ready = 1
    union all
    select (select min(job.queue) from bide_job as job
            where job.lane = :lane and job.queue > waits.queue and job.status = 'pending' and job.ready = 1)
    from waits
    where waits.queue is not null
)
select :lane, waits.queue, job.type, job.urgency, job.rank, :opens_at
from waits
cross join bide_job as job on job.rowid = (
    select first.rowid from bide_job as first
    where first.lane = :lane and first.queue = waits.queue and first.status = 'pending' and first.ready = 1
    order by first.urgency desc, first.rank, first.id
    limit 1
)
where waits.queue is not null
