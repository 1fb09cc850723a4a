{{prompt_row}}
where prompt.job = :job
    and (:owner is null or prompt.owner = :owner)
    and (:open_only = 0 or prompt.status = 'open')
    and prompt.id > :after
order by prompt.id
limit :limit
