-- What the careful way must know of jobs whose runs have ended.
select id, status, lease, attempt, max_attempts, cancel_requested_at, cancel_by, cancel_reason from bide.job
where id = any(cast(:ids as text[]))
