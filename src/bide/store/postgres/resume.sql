-- Back to the queue, in its old place, to go on with the same attempt.
with resumed as (
    update bide.job
    set status = 'pending', ready = true, continues = true, reason = :reason, due_at = null, seq = seq + 1
    where id = :job
        and (status = 'pending_hitl' or (status = 'pending' and not ready and reason = 'sleeping'))
    returning id, lane
),
stirred as (insert into bide.open_lane (lane) select lane from resumed where lane <> '')
select id from resumed
