-- Runs that simply completed: nearly all of a drain, so it says no more than it must. `rows` are arrays:
-- [job, lease, result, elapsed]. A running job is not ready and has no due time already.
-- What counts is as in `leave`; where a row does not, the caller takes the careful way.
update bide_job
set
    status = 'completed',
    result = s.value ->> 2,
    error = null,
    elapsed = elapsed + (s.value ->> 3),
    finished_at = :now,
    lease = lease + 1,
    worker = null,
    seq = seq + 1
from json_each(:rows) as s
where bide_job.id = s.value ->> 0
    and bide_job.lease = s.value ->> 1
    and status = 'running'
    and cancel_requested_at is null
    and not exists (select 1 from bide_prompt as prompt where prompt.job = bide_job.id and prompt.status = 'open')
