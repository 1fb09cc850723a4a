select id, host, pid, queues, slots, lease, started_at, beat, beat_at, dead_at from bide.worker
where dead_at is null
order by id
