-- When the rate of a queue lets its next job start: to be woken then.
insert into bide_open_lane (lane, queue, opens_at) values (:lane, :queue, :opens_at)
on conflict (lane, queue) do update set opens_at = excluded.opens_at where opens_at <> excluded.opens_at
