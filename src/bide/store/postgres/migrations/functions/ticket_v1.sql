-- To be called before a transaction writes events. It takes the next position and holds it, locked, to the end of the
-- transaction: whatever this one writes has positions above it. So who reads in order of position knows from the locks
-- how far nothing can come late any more (`horizon_v1`). The gate covers the moment in which the position is taken and
-- not yet locked. Locks of a transaction, not of a session: they work behind a pooler.
-- One is enough for a transaction, and it is noted in it, as long as the locks are held: for a savepoint that is rolled
-- back, too. A caller's may enqueue thousands of jobs one by one, and all who use the server share its table of locks.
create function bide.ticket_v1() returns bigint
language plpgsql
as $$
declare
    noted constant text := 'bide_ticket.of_' || (hashtext('bide.event_pos')::bigint & 4294967295);
    ticket bigint := nullif(current_setting(noted, true), '');
begin
    if ticket is not null then
        return ticket;
    end if;
    perform pg_advisory_xact_lock_shared(hashtext('bide.event'), 0);
    ticket := nextval('bide.event_pos');
    perform pg_advisory_xact_lock_shared(hashtext('bide.event_pos'), (ticket & 2147483647)::integer);
    perform set_config(noted, ticket::text, true);
    return ticket;
end
$$
