-- Where nothing runs.
update bide_job
set status = 'cancelled', ready = 0, reason = :reason, due_at = null, finished_at = :now, seq = seq + 1
where id = :job and status in ('pending', 'pending_hitl')
