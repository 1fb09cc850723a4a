insert into bide.worker (id, host, pid, queues, slots, lease, started_at, beat_at)
values (:id, :host, :pid, :queues, :slots, :lease, :now, :now)
on conflict do nothing
