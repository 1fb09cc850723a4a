-- A new job with what another one was enqueued with; `seq` counts the events that are written with it. Its lease begins
-- where that of a job stands which was claimed before: it has something to remember.
insert into bide_job (
    id, type, type_version, queue, priority, urgency, owner, max_attempts, timeout, rank, status, ready, lease, seq, input,
    input_size, created_at, idempotency_key, digest, labels, lane, forked_from
)
select
    :id, type, type_version, queue, priority, priority, owner, max_attempts, timeout, :now, 'pending', 1, 1, :seq, input,
    input_size, :now, :idempotency_key, :digest, labels, lane, id
from bide_job where id = :job
