-- The one place where an answer is accepted: before the deadline, and before a cancel.
update bide.prompt set status = 'answered', closed_at = :now
where id = :prompt
    and status = 'open'
    and (deadline_at is null or deadline_at > :now)
    and (select cancel_requested_at from bide.job where id = prompt.job) is null
returning id
