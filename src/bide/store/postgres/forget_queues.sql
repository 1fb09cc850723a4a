-- Of limited queues what is known for longer than anybody waits for it: when their rates let the next job start.
delete from bide.open_lane where opens_at > 0 and opens_at <= :before and lane = 'queue ' || queue
returning 1
