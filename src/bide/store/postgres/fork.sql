-- A new job with what another one was enqueued with; `seq` counts the events that are written with it. Its lease begins
-- where that of a job stands which was claimed before: it has something to remember.
with made as (
insert into bide.job (
    id, type, type_version, queue, priority, urgency, owner, max_attempts, timeout, rank, status, ready, lease, seq, input,
    input_size, created_at, idempotency_key, digest, labels, lane, forked_from
)
select
    cast(:id as text), type, type_version, queue, priority, priority, owner, max_attempts, timeout, cast(:now as bigint),
    'pending', true, 1, cast(:seq as bigint), input, input_size, cast(:now as bigint), cast(:idempotency_key as text),
    cast(:digest as text), labels, lane, id
from bide.job where id = :job
on conflict do nothing
returning id, lane
),
stirred as (insert into bide.open_lane (lane) select lane from made where lane <> '')
select id from made
