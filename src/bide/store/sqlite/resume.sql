-- Back to the queue, in its old place, to go on with the same attempt.
update bide_job
set status = 'pending', ready = 1, continues = 1, reason = :reason, due_at = null, seq = seq + 1
where id = :job
    and (status = 'pending_hitl' or (status = 'pending' and ready = 0 and reason = 'sleeping'))
