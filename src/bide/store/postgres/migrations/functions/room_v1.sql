-- How many jobs of a lane may be taken under this limit, and when the next may: 0 is now, null once a run has ended. To be
-- asked by who holds the lane, in a statement that began after it was taken: so it counts all that others have claimed.
create function bide.room_v1(p_now bigint, p_lane text, p_limit json, out room bigint, out opens_at bigint)
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    concurrency bigint := p_limit ->> 'concurrency';
    rate bigint := p_limit ->> 'rate';
    period bigint := p_limit ->> 'period';
    started bigint;
begin
    room := 2147483647;
    opens_at := 0;
    if concurrency is not null then
        select concurrency - count(*) into room
        from bide.permit as permit
        where permit.lane = p_lane
            and exists (
                select from bide.job as job
                where job.id = any(array[permit.job]) and job.lease = permit.lease and job.status = 'running'
            );
        if room <= 0 then
            room := 0;
            opens_at := null;
            return;
        end if;
    end if;
    if rate is not null then
        select count(*) into started from bide.permit where lane = p_lane and at > p_now - period;
        room := least(room, rate - started);
        if room <= 0 then
            room := 0;
            select at + period into opens_at from bide.permit where lane = p_lane order by at desc limit 1 offset rate - 1;
        end if;
    end if;
end
$$
