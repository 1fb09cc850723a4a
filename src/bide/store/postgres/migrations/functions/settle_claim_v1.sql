-- A turn of a worker's pump, in one call: the runs that end, as in `leave_v1`, and what is claimed then. Returns a row
-- with nothing but its id and lease for every end that counts, and one for each job that was claimed, in the order of each demand;
-- a row of nothing at all says that there may be more to claim, here or elsewhere.
-- `p_demands` is a list of {queues, types: {name: newest version known}, limit}; `p_enough` how many characters of input
-- are enough. `p_limits` is {queues: {name: limit}, types: {name: limit}}. What others hold is passed over. Of several
-- queues the most urgent go first: how many come from each is found out before any is locked, so that no more are locked
-- than are taken.
create function bide.settle_claim_v1(
    p_now bigint, p_worker text, p_started text, p_jobs text[], p_leases bigint[], p_statuses text[], p_kinds text[],
    p_reasons text[], p_results text[], p_errors text[], p_due_ats bigint[], p_ready boolean[], p_continues boolean[],
    p_elapsed bigint[], p_progress text[], p_data text[], p_demands json, p_limits json, p_enough integer
) returns table (
    id text, type text, input text, attempt integer, max_attempts integer, lease bigint, timeout bigint, elapsed bigint,
    owner text, progress text
)
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    queues text[];
    types text[];
    versions integer[];
    wanted bigint;
    limited boolean;
    more boolean := false;
    lanes text[] := '{}';
    lane_types text[];
    share_queues text[];
    share_lanes text[];
    shares bigint[];
    places tid[];
begin
    if cardinality(p_jobs) > 0 then
        return query
        select left_.job, null::text, null::text, null::integer, null::integer, left_.lease, null::bigint,
            null::bigint, null::text, null::text
        from bide.leave_v1(
            p_now, p_jobs, p_leases, p_statuses, p_kinds, p_reasons, p_results, p_errors, p_due_ats, p_ready,
            p_continues, p_elapsed, p_progress, p_data
        ) as left_;
        more := exists (select from bide.permit) and exists (
            select from unnest(p_jobs, bide.spread_v1(p_leases, cardinality(p_jobs))) as s (job, lease)
            cross join lateral (
                select from bide.permit as permit where permit.job = s.job and permit.lease = s.lease limit 1
            ) as held
        );
    end if;
    if more then
        return next;
    end if;
    if json_array_length(p_demands) = 0
        or not exists (select from bide.worker as worker where worker.id = p_worker and worker.dead_at is null)
    then
        return;
    end if;
    -- Of jobs that have no limit nothing is asked in what follows.
    limited := p_limits ->> 'queues' <> '{}' or exists (select from bide.open_lane);
    if limited then
        select entered.lanes, entered.types into lanes, lane_types
        from bide.enter_lanes_v1(
            p_now,
            array(
                select distinct queue
                from json_array_elements(p_demands) as one
                cross join lateral json_array_elements_text(one -> 'queues') as queue
            ),
            array(
                select distinct type
                from json_array_elements(p_demands) as one
                cross join lateral json_object_keys(one -> 'types') as type
            ),
            p_limits
        ) as entered;
    end if;
    for queues, types, versions, wanted in
        select
            array(select json_array_elements_text(one -> 'queues')),
            array(select key from json_each_text(one -> 'types') order by key),
            array(select value::integer from json_each_text(one -> 'types') order by key),
            (one ->> 'limit')::bigint
        from json_array_elements(p_demands) as one
    loop
        -- Each step is a statement of its own: what there is nothing to do for is not even begun.
        if limited then
            select array_agg(part.queue), array_agg(part.lane), array_agg(part.wanted)
            into share_queues, share_lanes, shares
            from bide.share_lanes_v1(
                p_now, p_limits, queues, types, versions, wanted::integer, lanes, lane_types
            ) as part;
        elsif cardinality(queues) = 1 then
            share_queues := queues;
            share_lanes := array[''];
            shares := array[wanted];
        else
            select array_agg(part.queue), array_agg(''::text), array_agg(part.wanted)
            into share_queues, share_lanes, shares
            from (
                select top.queue, count(*) as wanted
                from (
                    select job.queue
                    from unnest(queues) as q (queue)
                    cross join lateral (
                        select job.queue, job.urgency, job.rank, job.id
                        from bide.job as job
                        where job.lane = ''
                            and job.queue = q.queue
                            and job.status = 'pending'
                            and job.ready
                            and job.type = any(types)
                            and job.type_version <= versions[array_position(types, job.type)]
                        order by job.urgency desc, job.rank, job.id
                        limit wanted
                    ) as job
                    order by job.urgency desc, job.rank, job.id
                    limit wanted
                ) as top
                group by top.queue
            ) as part;
        end if;
        -- As many as may be handed over at once, up to the one whose input makes it enough: one at least.
        select array_agg(counted.place order by counted.n) into places
        from (
            select
                free.place,
                row_number() over by_urgency as n,
                sum(free.input_size) over by_urgency - free.input_size as before
            from unnest(share_queues, share_lanes, shares) as share (queue, lane, wanted)
            cross join lateral (
                select job.ctid as place, job.urgency, job.rank, job.id, job.input_size
                from bide.job as job
                where job.lane = share.lane
                    and job.queue = share.queue
                    and job.status = 'pending'
                    and job.ready
                    and job.type = any(types)
                    and job.type_version <= versions[array_position(types, job.type)]
                order by job.urgency desc, job.rank, job.id
                limit share.wanted
                for update skip locked
            ) as free
            window by_urgency as (order by free.urgency desc, free.rank, free.id)
        ) as counted
        where counted.before < p_enough;
        -- Only where something is told: a look that finds nothing to claim writes nothing.
        continue when places is null;
        perform bide.ticket_v1();
        if limited then
            -- Without a limit that is known here a lane counts it all the same, for those who know one.
            insert into bide.permit (job, lease, lane, at, expires_at)
            select job.id, job.lease + 1, one.lane, p_now, p_now + coalesce((one.bound ->> 'period')::bigint, 0)
            from unnest(places) as picked (place)
            join bide.job as job on job.ctid = picked.place
            cross join lateral (
                values
                    ('queue ' || job.queue, p_limits -> 'queues' -> job.queue),
                    (job.lane, p_limits -> 'types' -> job.type)
            ) as one (lane, bound)
            where (one.lane = job.lane or one.bound is not null) and one.lane <> '';
        end if;
        return query
        with
            -- `continues`: this claim goes on with the attempt it finds.
            claimed as (
                update bide.job as job
                set
                    status = 'running',
                    ready = false,
                    reason = null,
                    due_at = null,
                    lease = job.lease + 1,
                    attempt = job.attempt + 1 - job.continues::integer,
                    elapsed = case when job.continues then job.elapsed else 0 end,
                    continues = false,
                    worker = p_worker,
                    seq = job.seq + 1,
                    started_at = coalesce(job.started_at, p_now),
                    claimed_at = p_now
                from unnest(places) with ordinality as picked (place, n)
                where job.ctid = picked.place
                returning
                    picked.n, job.id, job.type, job.input, job.attempt, job.max_attempts, job.lease, job.timeout,
                    job.elapsed, job.owner, case when job.progress_attempt = job.attempt then job.progress end as progress,
                    job.seq, job.queue, job.lane
            ),
            told as (
                insert into bide.event (job, seq, at, kind, attempt, lease, data)
                select claimed.id, claimed.seq, p_now, 'job.started', claimed.attempt, claimed.lease,
                    case
                        when limited and coalesce(
                            p_limits -> 'queues' -> claimed.queue,
                            case when claimed.lane <> '' then p_limits -> 'types' -> claimed.type end
                        ) is not null
                        then json_strip_nulls(json_build_object('worker', p_worker, 'limits', json_build_object(
                            'queue', p_limits -> 'queues' -> claimed.queue,
                            'lane', case when claimed.lane <> '' then p_limits -> 'types' -> claimed.type end
                        )))::text
                        else p_started
                    end
                from claimed
                order by claimed.n
            )
        select
            claimed.id, claimed.type, claimed.input, claimed.attempt, claimed.max_attempts, claimed.lease,
            claimed.timeout, claimed.elapsed, claimed.owner, claimed.progress
        from claimed
        order by claimed.n;
    end loop;
    if limited then
        -- Of very many lanes not all were looked at, and not all of those are open still.
        more := bide.reopen_lanes_v1(p_now, p_limits, lanes, lane_types) < cardinality(lanes)
            and cardinality(lanes) >= 100;
        more := more or exists (select from bide.open_lane where queue = '');
        if more then
            return next;
        end if;
    end if;
end
$$
