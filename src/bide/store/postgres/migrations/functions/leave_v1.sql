-- How runs end, many at once, with their events; returns those whose end counts. One counts only under its lease.
-- Where prompts are to be withdrawn first, a cancel has been requested, or another transaction holds the row, it does
-- not count either: the caller looks at those. One value may stand for a whole column.
create function bide.leave_v1(
    p_now bigint, p_jobs text[], p_leases bigint[], p_statuses text[], p_kinds text[], p_reasons text[],
    p_results text[], p_errors text[], p_due_ats bigint[], p_ready boolean[], p_continues boolean[], p_elapsed bigint[],
    p_progress text[], p_data text[]
) returns table (job text, lease bigint)
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
    n integer := cardinality(p_jobs);
    gone text[];
    leases bigint[];
    again text[];
    lanes text[];
begin
    perform bide.ticket_v1();
    with
        held as materialized (
            select s.*, job.place
            from unnest(
                p_jobs, bide.spread_v1(p_leases, n), bide.spread_v1(p_statuses, n), bide.spread_v1(p_kinds, n),
                bide.spread_v1(p_reasons, n), bide.spread_v1(p_results, n), bide.spread_v1(p_errors, n),
                bide.spread_v1(p_due_ats, n), bide.spread_v1(p_ready, n), bide.spread_v1(p_continues, n),
                bide.spread_v1(p_elapsed, n), bide.spread_v1(p_progress, n), bide.spread_v1(p_data, n)
            ) as s (
                job, lease, status, kind, reason, result, error, due_at, ready, continues, elapsed, progress, data
            )
            cross join lateral (
                select job.ctid as place
                from bide.job as job
                where job.id = s.job
                    and job.lease = s.lease
                    and job.status = 'running'
                    and (job.cancel_requested_at is null or s.status = 'cancelled')
                for update skip locked
            ) as job
            where (
                select true from bide.prompt as prompt
                where prompt.job = s.job
                    and (
                        (prompt.status = 'open' and s.status in ('completed', 'failed', 'cancelled'))
                        or (prompt.status = 'expired' and prompt.default_value is null and s.kind = 'job.retrying')
                    )
                limit 1
            ) is null
        ),
        ended as (
            update bide.job as job
            set
                status = s.status,
                reason = s.reason,
                result = s.result,
                error = case when s.status = 'completed' then null else coalesce(s.error, job.error) end,
                due_at = s.due_at,
                ready = s.ready,
                continues = s.continues,
                elapsed = job.elapsed + s.elapsed,
                progress = coalesce(s.progress, job.progress),
                progress_attempt = case when s.progress is null then job.progress_attempt else job.attempt end,
                -- A retry takes a place in the queue by its new due time; whoever gave back a job, it keeps its place.
                rank = case when s.kind = 'job.retrying' then coalesce(s.due_at, p_now) else job.rank end,
                urgency = case when s.kind = 'job.retrying' then job.priority else job.urgency end,
                finished_at = case when s.status in ('completed', 'failed', 'cancelled') then p_now end,
                lease = job.lease + 1,
                worker = null,
                seq = job.seq + 1 + (s.progress is not null)::integer
            from held as s
            where job.ctid = s.place
            returning s.job, s.lease, s.kind, s.progress, s.data, job.attempt, job.seq, job.lane
        ),
        told as (
            insert into bide.event (job, seq, at, kind, attempt, lease, data)
            select ended.job, one.seq, p_now, one.kind, ended.attempt, ended.lease, one.data
            from ended
            cross join lateral (
                select ended.seq - 1, 'progress', ended.progress where ended.progress is not null
                union all
                select ended.seq, ended.kind, ended.data
            ) as one (seq, kind, data)
        )
    select
        array_agg(ended.job),
        array_agg(ended.lease),
        array_agg(ended.job) filter (where ended.kind = 'job.retrying'),
        array_agg(distinct ended.lane) filter (where ended.lane <> '')
    into gone, leases, again, lanes
    from ended;
    if lanes is not null then
        -- There may be room in them now.
        insert into bide.open_lane (lane) select unnest(lanes);
    end if;
    if again is not null then
        -- A retry may take another path: only what succeeded is remembered.
        delete from bide.step as step where step.job = any(again) and step.error is not null;
    end if;
    return query select * from unnest(gone, leases);
end
$$
