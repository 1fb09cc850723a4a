-- Appends facts in order; returns the numbers, from 1, of those that were written. The others lost their lease, or
-- another transaction holds the row. `p_batch` is the token by which a repeated call finds what the first one wrote.
create function bide.note_v1(
    p_now bigint, p_batch bigint, p_jobs text[], p_leases bigint[], p_kinds text[], p_data text[]
) returns setof bigint
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    perform bide.ticket_v1();
    return query
    with
        given as materialized (
            select
                s.job, s.lease, array_agg(s.n order by s.n) as ns, array_agg(s.kind order by s.n) as kinds,
                array_agg(s.data order by s.n) as data,
                (array_agg(s.data order by s.n desc) filter (where s.kind = 'progress'))[1] as progress
            from unnest(p_jobs, p_leases, p_kinds, p_data) with ordinality as s (job, lease, kind, data, n)
            group by s.job, s.lease
        ),
        held as materialized (
            select given.*, job.place, job.seq, job.attempt
            from given
            cross join lateral (
                select job.ctid as place, job.seq, job.attempt
                from bide.job as job
                where job.id = given.job and job.lease = given.lease and job.status = 'running'
                for update skip locked
            ) as job
        ),
        -- By the id: a row that has changed since this statement began is found by its id only.
        noted as (
            update bide.job as job
            set
                seq = held.seq + cardinality(held.ns),
                progress = coalesce(held.progress, job.progress),
                progress_attempt = case when held.progress is null then job.progress_attempt else job.attempt end
            from held
            where job.id = any(array[held.job])
        ),
        told as (
            insert into bide.event (job, seq, at, kind, attempt, lease, data, batch)
            select held.job, held.seq + fact.k, p_now, fact.kind, held.attempt, held.lease, fact.data, p_batch
            from held
            cross join lateral unnest(held.kinds, held.data) with ordinality as fact (kind, data, k)
        )
    select unnest(held.ns) from held;
end
$$
