-- Remembers steps, each once, with an event each; returns the numbers, from 1, of those that are remembered now. The
-- others lost their lease, or another transaction holds the row of their job.
create function bide.record_v1(
    p_now bigint, p_jobs text[], p_leases bigint[], p_names text[], p_keys text[], p_results text[], p_errors text[],
    p_sizes integer[], p_kinds text[], p_data text[]
) returns setof bigint
language plpgsql
set plan_cache_mode = force_generic_plan
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
            select *
            from unnest(p_jobs, p_leases, p_names, p_keys, p_results, p_errors, p_sizes, p_kinds, p_data)
                with ordinality as s (job, lease, name, key, result, error, size, kind, data, n)
        ),
        held as materialized (
            select one.job, one.lease, job.place, job.seq, job.attempt
            from (select distinct given.job, given.lease from given) as one
            cross join lateral (
                select job.ctid as place, job.seq, job.attempt
                from bide.job as job
                where job.id = one.job and job.lease = one.lease and job.status = 'running'
                for update skip locked
            ) as job
        ),
        valid as materialized (
            select given.*, held.place, held.seq, held.attempt
            from held
            join given on given.job = held.job and given.lease = held.lease
        ),
        written as (
            insert into bide.step (job, name, key, result, error, size, attempt, lease, at)
            select valid.job, valid.name, valid.key, valid.result, valid.error, valid.size, valid.attempt, valid.lease,
                p_now
            from valid
            order by valid.n
            on conflict do nothing
            returning bide.step.job, bide.step.name, bide.step.key
        ),
        fresh as materialized (
            select first.*, row_number() over (partition by first.job order by first.n) as k
            from (
                select distinct on (valid.job, valid.name, valid.key) valid.*
                from valid
                order by valid.job, valid.name, valid.key, valid.n
            ) as first
            join written on written.job = first.job and written.name = first.name and written.key = first.key
        ),
        counted as (
            update bide.job as job
            set seq = fresh.seq + fresh.k
            from (select fresh.place, fresh.seq, count(*) as k from fresh group by fresh.place, fresh.seq) as fresh
            where job.ctid = fresh.place
        ),
        told as (
            insert into bide.event (job, seq, at, kind, attempt, lease, data)
            select fresh.job, fresh.seq + fresh.k, p_now, fresh.kind, fresh.attempt, fresh.lease, fresh.data
            from fresh
            order by fresh.job, fresh.k
        )
    select valid.n from valid;
end
$$
