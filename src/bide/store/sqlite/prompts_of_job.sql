{{prompt_row}}
where prompt.job = :job
    and (:owner is null or job.owner = :owner)
    and (:open_only = 0 or prompt.status = 'open')
order by prompt.opened_at, prompt.rowid
limit :limit
