-- Says of the lanes that are held where the next claim has to look: to each queue in which a job of the lane waits, it is
-- open, or will be when its rate allows it; a full one is looked at once a run has ended. Returns how many are open.
create function bide.reopen_lanes_v1(p_now bigint, p_limits json, p_lanes text[], p_types text[]) returns bigint
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    opened bigint;
begin
    with
        written as (
            insert into bide.open_lane (lane, queue, type, urgency, rank, opens_at)
            select held.name, waiting.queue, waiting.type, waiting.urgency, waiting.rank, free.opens_at
            from unnest(p_lanes, p_types) as held (name, type)
            cross join lateral bide.room_v1(p_now, held.name, p_limits -> 'types' -> held.type) as free
            cross join lateral (
                with recursive waits (queue, type, urgency, rank) as (
                    (
                        select job.queue, job.type, job.urgency, job.rank
                        from bide.job as job
                        where job.lane = held.name and job.status = 'pending' and job.ready
                        order by job.queue, job.urgency desc, job.rank, job.id
                        limit 1
                    )
                    union all
                    select following.*
                    from waits
                    cross join lateral (
                        select job.queue, job.type, job.urgency, job.rank
                        from bide.job as job
                        where job.lane = held.name and job.queue > waits.queue and job.status = 'pending' and job.ready
                        order by job.queue, job.urgency desc, job.rank, job.id
                        limit 1
                    ) as following
                )
                select * from waits
            ) as waiting
            where held.type is not null and free.opens_at is not null
            returning lane
        )
    select count(distinct lane) into opened from written;
    -- Of limited queues only when their rates allow the next one: to be woken then.
    with
        full_ as materialized (
            select one.key as queue, 'queue ' || one.key as lane, free.opens_at
            from json_each(p_limits -> 'queues') as one
            cross join lateral bide.room_v1(p_now, 'queue ' || one.key, one.value) as free
            where free.opens_at > 0
        ),
        gone as (
            delete from bide.open_lane as known
            using full_
            where known.lane = full_.lane and known.opens_at <> full_.opens_at
        )
    insert into bide.open_lane (lane, queue, opens_at)
    select full_.lane, full_.queue, full_.opens_at
    from full_
    where not exists (
        select from bide.open_lane as known where known.lane = full_.lane and known.opens_at = full_.opens_at
    );
    return opened;
end
$$
