-- What a fork may keep, in order: the events of recorded steps and of questions, up to one of them.
select kind, data from bide.event
where job = :job
    and (cast(:after as bigint) is null or seq <= :after)
    and kind in ('step.completed', 'prompt.opened', 'prompt.answered', 'prompt.expired')
order by seq
