-- Takes the lanes that a claim is to look at, and holds them to the end of the transaction: limited queues, lanes in which
-- something has happened, and those whose first jobs come first of what these queues and types have open. Returns the
-- lanes of jobs, with the type of each, or none where nothing waits there. What was known of them is deleted:
-- `reopen_lanes_v1` writes it anew. Queues come before lanes, and each kind in one order: so two of these cannot wait for
-- each other. Who makes a job ready, or ends a run, waits for nobody: it adds a row of its own, which is deleted only by
-- who has seen it, and looks after that.
create function bide.enter_lanes_v1(
    p_now bigint, p_queues text[], p_types text[], p_limits json, out lanes text[], out types text[]
)
language plpgsql
set lock_timeout = '2s'
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    limited text[] := array(select json_object_keys(p_limits -> 'queues'));
    queues text[];
begin
    perform pg_advisory_xact_lock(queue.key)
    from (
        select distinct hashtextextended('bide.lane queue ' || name, 0) as key from unnest(limited) as name order by key
    ) as queue;
    queues := array(
        select queue.name
        from unnest(p_queues) as queue (name)
        cross join lateral bide.room_v1(p_now, 'queue ' || queue.name, p_limits -> 'queues' -> queue.name) as free
        where free.room > 0
    );
    lanes := array(
        select lane from (select lane from bide.open_lane where queue = '' limit 100) as stirred
        union
        select open.lane
        from unnest(queues) as queue (name)
        cross join lateral (
            select hint.lane
            from bide.open_lane as hint
            where hint.queue = queue.name and hint.opens_at <= p_now and hint.type = any(p_types)
            order by hint.urgency desc, hint.rank
            limit 100
        ) as open
    );
    perform pg_advisory_xact_lock(lane.key)
    from (
        select distinct hashtextextended('bide.lane ' || name, 0) as key from unnest(lanes) as name order by key
    ) as lane;
    delete from bide.open_lane where lane = any(lanes);
    -- By their lanes, whatever the planner knows: `+ 0` keeps it from the index of all that have expired.
    delete from bide.permit as permit
    where permit.lane = any(lanes || array(select 'queue ' || name from unnest(limited) as name))
        and permit.expires_at + 0 <= p_now
        and not exists (
            select from bide.job as job
            where job.id = any(array[permit.job]) and job.lease = permit.lease and job.status = 'running'
        );
    types := array(
        select (
            select job.type from bide.job as job
            where job.lane = held.lane and job.status = 'pending' and job.ready
            order by job.queue, job.urgency desc, job.rank, job.id
            limit 1
        )
        from unnest(lanes) with ordinality as held (lane, n)
        order by held.n
    );
end
$$
