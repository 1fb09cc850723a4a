-- Runs that simply completed: nearly all of a drain, so it says no more than it must. `rows` are arrays:
-- [job, lease, result, elapsed, data]. A running job is not ready and has no due time already.
-- What counts is as in `leave`; the caller compares the number of changes, and takes the careful way.
update bide_job as job
set
    status = 'completed',
    result = s.value ->> 2,
    error = null,
    elapsed = job.elapsed + (s.value ->> 3),
    finished_at = :now,
    lease = job.lease + 1,
    worker = null,
    seq = job.seq + 1
from json_each(:rows) as s
where job.id = s.value ->> 0
    and job.lease = s.value ->> 1
    and job.status = 'running'
    and job.cancel_requested_at is null
    and not exists (select 1 from bide_prompt as prompt where prompt.job = job.id and prompt.status = 'open')
