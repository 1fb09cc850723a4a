-- What the careful way must know of jobs whose runs have ended.
select id, status, lease, attempt, max_attempts, cancel_requested_at, cancel_by, cancel_reason from bide_job
where id in (select value from json_each(:ids))
