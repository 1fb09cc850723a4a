-- What runs under a worker. By an index scan, whatever the planner thinks of it: that marks the entries which the drain
-- has left dead, so that the next look passes them. The other kind of scan reads them again each time.
create function bide.held_v1(p_worker text)
returns table (id text, lease bigint, cancelling boolean, timeout bigint, elapsed bigint)
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    select job.id, job.lease, job.cancel_requested_at is not null, job.timeout, job.elapsed
    from bide.job as job
    where job.worker = p_worker and job.status = 'running';
end
$$
