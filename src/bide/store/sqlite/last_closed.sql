{{prompt_row}}
where prompt.job = :job
    and prompt.status <> 'open'
    and (:owner is null or prompt.owner = :owner)
order by prompt.closed_at desc, prompt.opened_at desc, prompt.rowid desc
limit 1
