-- Remembers steps, each once, with an event each; returns the numbers, from 1, of those that are remembered now. The
-- others lost their lease, or another transaction holds the row of their job.
create function bide.record_v1(
    p_now bigint, p_jobs text[], p_leases bigint[], p_names text[], p_keys text[], p_results text[], p_errors text[],
    p_sizes integer[], p_kinds text[], p_data text[]
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
                s.job, s.lease, array_agg(s.n order by s.n) as ns, array_agg(s.name order by s.n) as names,
                array_agg(s.key order by s.n) as keys, array_agg(s.result order by s.n) as results,
                array_agg(s.error order by s.n) as errors, array_agg(s.size order by s.n) as sizes,
                array_agg(s.kind order by s.n) as kinds, array_agg(s.data order by s.n) as data
            from unnest(p_jobs, p_leases, p_names, p_keys, p_results, p_errors, p_sizes, p_kinds, p_data)
                with ordinality as s (job, lease, name, key, result, error, size, kind, data, n)
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
        -- Nobody else writes steps of a job whose row is held.
        fresh as materialized (
            select held.place, held.job, held.lease, held.seq, held.attempt, step.*,
                row_number() over (partition by held.job order by step.n) as k
            from held
            cross join lateral (
                select distinct on (s.name, s.key) s.*
                from unnest(held.ns, held.names, held.keys, held.results, held.errors, held.sizes, held.kinds, held.data)
                    as s (n, name, key, result, error, size, kind, data)
                order by s.name, s.key, s.n
            ) as step
            where (
                select true from bide.step as earlier
                where earlier.job = held.job and earlier.name = step.name and earlier.key = step.key
            ) is null
        ),
        written as (
            insert into bide.step (job, name, key, result, error, size, attempt, lease, at)
            select fresh.job, fresh.name, fresh.key, fresh.result, fresh.error, fresh.size, fresh.attempt, fresh.lease,
                p_now
            from fresh
        ),
        -- By the id: a row that has changed since this statement began is found by its id only.
        counted as (
            update bide.job as job
            set seq = one.seq + one.k
            from (
                select fresh.job, fresh.seq, count(*) as k from fresh group by fresh.job, fresh.seq
            ) as one
            where job.id = any(array[one.job])
        ),
        told as (
            insert into bide.event (job, seq, at, kind, attempt, lease, data)
            select fresh.job, fresh.seq + fresh.k, p_now, fresh.kind, fresh.attempt, fresh.lease, fresh.data
            from fresh
            order by fresh.job, fresh.k
        )
    select unnest(held.ns) from held;
end
$$
