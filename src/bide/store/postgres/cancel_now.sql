-- Where nothing runs.
update bide.job
set status = 'cancelled', ready = false, reason = :reason, due_at = null, finished_at = :now, seq = seq + 1
where id = :job and status in ('pending', 'pending_hitl')
returning id
