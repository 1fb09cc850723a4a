update bide.job
set cancel_requested_at = :now, cancel_by = :by, cancel_reason = :reason, seq = seq + 1
where id = :job and status = 'running' and cancel_requested_at is null
returning id
