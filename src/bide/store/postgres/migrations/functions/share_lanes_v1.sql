-- How many jobs a claim may take of each queue and lane, of those lanes that it holds: the first in the order of all of
-- them, as far as queue and lane have room. The empty lane is that of jobs without one.
create function bide.share_lanes_v1(
    p_now bigint, p_limits json, p_queues text[], p_types text[], p_versions integer[], p_wanted integer,
    p_lanes text[], p_lane_types text[]
) returns table (queue text, lane text, wanted bigint)
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
#variable_conflict use_column
begin
    return query
    with
        queue as materialized (
            select one.name, free.room
            from unnest(p_queues) as one (name)
            cross join lateral bide.room_v1(p_now, 'queue ' || one.name, p_limits -> 'queues' -> one.name) as free
            where free.room > 0
        ),
        lane as materialized (
            select '' as name, p_wanted::bigint as room
            union all
            select one.name, free.room
            from unnest(p_lanes, p_lane_types) as one (name, type)
            cross join lateral bide.room_v1(p_now, one.name, p_limits -> 'types' -> one.type) as free
            where free.room > 0 and one.type = any(p_types)
        )
    select top.queue, top.lane, count(*)
    from (
        select job.queue, job.lane
        from (
            select
                job.*, queue.room as queue_room, lane.room as lane_room,
                row_number() over (partition by job.queue order by job.urgency desc, job.rank, job.id) as of_queue,
                row_number() over (partition by job.lane order by job.urgency desc, job.rank, job.id) as of_lane
            from queue
            cross join lane
            cross join lateral (
                select job.queue, job.lane, job.urgency, job.rank, job.id
                from bide.job as job
                where job.lane = lane.name
                    and job.queue = queue.name
                    and job.status = 'pending'
                    and job.ready
                    and job.type = any(p_types)
                    and job.type_version <= p_versions[array_position(p_types, job.type)]
                order by job.urgency desc, job.rank, job.id
                limit least(p_wanted, queue.room, lane.room)
            ) as job
        ) as job
        where job.of_queue <= job.queue_room and job.of_lane <= job.lane_room
        order by job.urgency desc, job.rank, job.id
        limit p_wanted
    ) as top
    group by top.queue, top.lane;
end
$$
