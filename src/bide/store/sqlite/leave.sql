-- How runs end, many at once. `rows` are arrays:
-- [job, lease, status, kind, reason, result, error, due_at, ready, continues, elapsed, progress, data].
-- A row counts only under its lease. Where prompts are to be withdrawn first, or a cancel has been requested, it does
-- not count either: the caller compares the number of changes, and takes the careful way.
update bide_job as job
set
    status = s.status,
    reason = s.reason,
    result = s.result,
    error = case when s.status = 'completed' then null else coalesce(s.error, job.error) end,
    due_at = s.due_at,
    ready = s.ready,
    continues = s.continues,
    elapsed = job.elapsed + s.elapsed,
    progress = coalesce(s.progress, job.progress),
    progress_attempt = case when s.progress is null then job.progress_attempt else job.attempt end,
    -- A retry takes a place in the queue by its new due time; whoever gave back a job, it keeps its place.
    rank = case when s.kind = 'job.retrying' then coalesce(s.due_at, :now) else job.rank end,
    urgency = case when s.kind = 'job.retrying' then job.priority else job.urgency end,
    finished_at = case when s.status in ('completed', 'failed', 'cancelled') then :now end,
    lease = job.lease + 1,
    worker = null,
    seq = job.seq + 1 + (s.progress is not null)
from (
    select
        value ->> 0 as id, value ->> 1 as lease, value ->> 2 as status, value ->> 3 as kind, value ->> 4 as reason,
        value ->> 5 as result, value ->> 6 as error, value ->> 7 as due_at, value ->> 8 as ready,
        value ->> 9 as continues, value ->> 10 as elapsed, value ->> 11 as progress
    -- The limit keeps the planner from reading each array again wherever one of its parts is used.
    from json_each(:rows) limit -1
) as s
where job.id = s.id
    and job.lease = s.lease
    and job.status = 'running'
    and (job.cancel_requested_at is null or s.status = 'cancelled')
    and not exists (
        select 1 from bide_prompt as prompt
        where prompt.job = job.id
            and (
                (prompt.status = 'open' and s.status in ('completed', 'failed', 'cancelled'))
                or (prompt.status = 'expired' and prompt.default_value is null and s.kind = 'job.retrying')
            )
    )
