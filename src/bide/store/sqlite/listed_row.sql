-- The columns of a JobRow, in its order, without the payloads: a list shows none, and they may be large.
select
    job.id, job.type, job.type_version, job.queue, job.priority, job.owner, job.status, job.reason, job.attempt,
    job.max_attempts, job.lease, job.seq, '', null,
    job.error, job.progress, job.timeout, job.elapsed, job.created_at, job.due_at, job.started_at, job.finished_at,
    job.cancel_requested_at, job.worker, job.idempotency_key, job.parent, job.forked_from, job.labels, job.lane
from bide_job as job
