-- Accepts jobs with their first events; returns the ids of those that were not there. In the order of their keys, which
-- are waited for where another transaction holds one: so two of these cannot wait for each other. One value may stand
-- for a whole column.
create function bide.insert_jobs_v1(
    p_now bigint, p_ids text[], p_types text[], p_type_versions integer[], p_queues text[], p_priorities integer[],
    p_owners text[], p_max_attempts integer[], p_timeouts bigint[], p_delays bigint[], p_keys text[], p_digests text[],
    p_parents text[], p_labels text[], p_lanes text[], p_inputs text[], p_data text[]
) returns setof text
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set lock_timeout = '2s'
set jit = off
as $$
declare
    rows integer := cardinality(p_ids);
    made text[];
begin
    perform bide.ticket_v1();
    with
        given as materialized (
            select distinct on (id) *
            from unnest(
                p_ids, bide.spread_v1(p_types, rows), bide.spread_v1(p_type_versions, rows),
                bide.spread_v1(p_queues, rows), bide.spread_v1(p_priorities, rows), bide.spread_v1(p_owners, rows),
                bide.spread_v1(p_max_attempts, rows), bide.spread_v1(p_timeouts, rows), bide.spread_v1(p_delays, rows),
                bide.spread_v1(p_keys, rows), bide.spread_v1(p_digests, rows), bide.spread_v1(p_parents, rows),
                bide.spread_v1(p_labels, rows), bide.spread_v1(p_lanes, rows), bide.spread_v1(p_inputs, rows),
                bide.spread_v1(p_data, rows)
            ) with ordinality as s (
                id, type, type_version, queue, priority, owner, max_attempts, timeout, delay, key, digest, parent,
                labels, lane, input, data, n
            )
            order by id, n
        ),
        inserted as (
            insert into bide.job (
                id, type, type_version, queue, priority, urgency, owner, max_attempts, timeout, rank, status, ready,
                reason, due_at, seq, input, input_size, created_at, idempotency_key, digest, parent, labels,
                lane
            )
            select
                id, type, type_version, queue, priority, priority, owner, max_attempts, timeout, p_now + delay,
                'pending', delay = 0, case when delay > 0 then 'delayed' end,
                case when delay > 0 then p_now + delay end, 1, input, length(input), p_now, key, digest, parent, labels,
                lane
            from given
            order by owner, key, n
            on conflict do nothing
            returning bide.job.id
        ),
        told as (
            insert into bide.event (job, seq, at, kind, attempt, lease, data)
            select given.id, 1, p_now, 'job.enqueued', 0, 0, given.data
            from given
            where given.id in (select inserted.id from inserted)
            order by given.n
        )
    select array_agg(inserted.id) into made from inserted;
    -- Most jobs have no lane and no labels, and a part of a statement costs as much where it has nothing to do.
    if cardinality(array_remove(p_lanes, '')) > 0 then
        insert into bide.open_lane (lane)
        select distinct given.lane
        from unnest(p_ids, bide.spread_v1(p_lanes, rows), bide.spread_v1(p_delays, rows)) as given (id, lane, delay)
        where given.lane <> '' and given.delay = 0 and given.id = any(made);
    end if;
    if cardinality(array_remove(p_labels, null)) > 0 then
        insert into bide.label (name, value, job)
        select label.key, label.value, given.id
        from (
            select distinct on (id) id, labels
            from unnest(p_ids, bide.spread_v1(p_labels, rows)) with ordinality as s (id, labels, n)
            order by id, n
        ) as given
        cross join lateral json_each_text(given.labels::json) as label
        where given.id = any(made);
    end if;
    return query select unnest(made);
end
$$
