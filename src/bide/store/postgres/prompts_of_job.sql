{{prompt_row}}
where prompt.job = :job
    and (cast(:owner as text) is null or job.owner = :owner)
    and (not cast(:open_only as boolean) or prompt.status = 'open')
    and prompt.id > :after
order by prompt.id
limit :limit
