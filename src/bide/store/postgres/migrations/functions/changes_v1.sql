-- How far it can be told now, and the jobs with events since a position, with their number: above the horizon too, where
-- it is told again later. Each statement of this sees what was committed before it: the second one all that the first
-- has found to be there. Where it is too much to tell, there are no jobs.
create function bide.changes_v1(p_since bigint, p_limit bigint, out mark bigint, out jobs text[])
language plpgsql
set jit = off
as $$
declare
    found bigint;
begin
    mark := bide.horizon_v1();
    if p_since between 0 and mark and mark - p_since <= p_limit then
        select array_agg(distinct news.job), count(*) into jobs, found
        from (
            select event.job from bide.event as event where event.pos > p_since order by event.pos limit p_limit + 1
        ) as news;
        jobs := case when found <= p_limit then coalesce(jobs, '{}') end;
    end if;
end
$$
