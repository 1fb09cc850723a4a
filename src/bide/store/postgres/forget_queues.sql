-- Of limited queues what is known for longer than anybody waits for it: when their rates let the next job start.
delete from bide.open_lane
where ctid = any(array(
    select known.ctid
    from bide.open_lane as known
    where known.opens_at > 0 and known.opens_at <= :before and known.lane = 'queue ' || known.queue
    for update skip locked
))
returning 1
