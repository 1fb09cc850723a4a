-- Accepts jobs with their first events; returns the ids of those that were not there. In the order of their keys, which
-- are waited for where another transaction holds one: so two of these cannot wait for each other.
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
begin
    perform bide.ticket_v1();
    return query
    with
        given as materialized (
            select distinct on (id) *
            from unnest(
                p_ids, p_types, p_type_versions, p_queues, p_priorities, p_owners, p_max_attempts, p_timeouts, p_delays,
                p_keys, p_digests, p_parents, p_labels, p_lanes, p_inputs, p_data
            ) with ordinality as s (
                id, type, type_version, queue, priority, owner, max_attempts, timeout, delay, key, digest, parent,
                labels, lane, input, data, n
            )
        ),
        made as (
            insert into bide.job (
                id, type, type_version, queue, priority, urgency, owner, max_attempts, timeout, rank, status, ready,
                reason, due_at, seq, input, input_size, created_at, idempotency_key, digest, parent, labels, lane
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
            where given.id in (select made.id from made)
            order by given.n
        ),
        stirred as (
            insert into bide.open_lane (lane)
            select distinct given.lane
            from given
            where given.lane <> '' and given.delay = 0 and given.id in (select made.id from made)
        ),
        labelled as (
            insert into bide.label (name, value, job)
            select label.key, label.value, given.id
            from given
            cross join lateral json_each_text(given.labels::json) as label
            where given.labels is not null and given.id in (select made.id from made)
        )
    select made.id from made;
end
$$
