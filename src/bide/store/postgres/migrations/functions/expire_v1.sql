-- Closes prompts whose time is over, with the default's response where there is one, and resumes their jobs; returns
-- those that were closed, and whether that made a job ready. What was answered meanwhile is open no more, and the jobs
-- that others hold they may be answering: both are passed over. Of a job with several, the first resumes it.
create function bide.expire_v1(
    p_now bigint, p_prompts text[], p_responses text[], p_data text[], p_resumed text
) returns table (prompt text, readied boolean)
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
    perform bide.ticket_v1();
    return query
    with
        given as materialized (
            select s.*, prompt.job
            from unnest(p_prompts, p_responses, p_data) with ordinality as s (prompt, response, data, n)
            join bide.prompt as prompt on prompt.id = any(array[s.prompt])
        ),
        held as materialized (
            select job.*
            from (select distinct given.job from given order by given.job) as given
            cross join lateral (
                select
                    job.ctid as place, job.id, job.seq, job.attempt, job.lease,
                    job.status = 'pending_hitl'
                        or (job.status = 'pending' and not job.ready and job.reason = 'sleeping') as waits
                from bide.job as job
                where job.id = given.job
                for update skip locked
            ) as job
        ),
        closed as (
            update bide.prompt as prompt
            set status = 'expired', closed_at = p_now
            from given
            join held on held.id = given.job
            where prompt.id = any(array[given.prompt]) and prompt.status || '' = 'open'
            returning
                given.prompt, given.response, given.data, given.n, prompt.default_value, held.place, held.id as job,
                held.seq, held.attempt, held.lease, coalesce(held.waits, false) as waits
        ),
        counted as materialized (
            select
                closed.*,
                row_number() over (partition by closed.job order by closed.n) as k,
                count(*) over (partition by closed.job) as total
            from closed
        ),
        -- By the id: a row that has changed since this statement began is found by its id only.
        moved as (
            update bide.job as job
            set
                seq = counted.seq + counted.total + counted.waits::integer,
                status = case when counted.waits then 'pending' else job.status end,
                ready = counted.waits or job.ready,
                continues = counted.waits or job.continues,
                reason = case when counted.waits then 'expired' else job.reason end,
                due_at = case when counted.waits then null else job.due_at end
            from counted
            where job.id = any(array[counted.job]) and counted.k = 1
            returning job.lane, counted.waits
        ),
        stirred as (
            insert into bide.open_lane (lane)
            select distinct moved.lane from moved where moved.waits and moved.lane <> ''
        ),
        answered as (
            insert into bide.response (prompt, id, job, action, value, by, at, defaulted)
            select counted.prompt, counted.response, counted.job, 'answer', counted.default_value, null, p_now, true
            from counted
            where counted.default_value is not null
            on conflict do nothing
        ),
        told as (
            insert into bide.event (job, seq, at, kind, attempt, lease, data)
            select counted.job, one.seq, p_now, one.kind, counted.attempt, counted.lease, one.data
            from counted
            cross join lateral (
                select counted.seq + counted.k + (counted.waits and counted.k > 1)::integer, 'prompt.expired',
                    counted.data
                union all
                select counted.seq + 2, 'job.resumed', p_resumed where counted.waits and counted.k = 1
            ) as one (seq, kind, data)
            order by counted.job, one.seq
        )
    select counted.prompt, counted.waits from counted;
end
$$
