-- What a fork may keep, in order: the events of recorded steps and of questions, up to one of them.
select kind, data from bide_event
where job = :job
    and (:after is null or seq <= :after)
    and kind in ('step.completed', 'prompt.opened', 'prompt.answered', 'prompt.expired')
order by seq
