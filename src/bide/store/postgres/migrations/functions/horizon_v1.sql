-- The position up to which every event is there that ever will be: below every ticket that is held. To be called in a
-- statement of its own before events are read, so that those see what was committed before the locks were looked at.
create function bide.horizon_v1() returns bigint
language plpgsql
as $$
declare
    latest bigint;
    unnumbered boolean;
    ticket bigint;
begin
    for try in 1..1000 loop
        select case when is_called then last_value else 0 end into latest from bide.event_pos;
        -- A lock carries the low bits of a position. One beyond `latest` was taken just now, and is above the horizon.
        select bool_or(not numbered), min(oldest) into unnumbered, ticket
        from (
            select
                bool_or(classid = hashtext('bide.event_pos')::oid) as numbered,
                min(latest - ((latest - objid::bigint) & 2147483647)) filter (
                    where classid = hashtext('bide.event_pos')::oid
                        and ((latest - objid::bigint) & 2147483647) < 1073741824
                ) as oldest
            from pg_locks
            where locktype = 'advisory'
                and objsubid = 2
                and classid in (hashtext('bide.event')::oid, hashtext('bide.event_pos')::oid)
                and database = (select oid from pg_database where datname = current_database())
            group by virtualtransaction
        ) as writer;
        if unnumbered is not true then
            return coalesce(ticket - 1, latest);
        end if;
        perform pg_sleep(0.001);
    end loop;
    raise exception 'a writer of events stands still' using errcode = 'lock_not_available';
end
$$
