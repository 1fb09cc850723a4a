{{prompt_row}}
where prompt.job = :job
    and prompt.status <> 'open'
    and (cast(:owner as text) is null or prompt.owner = :owner)
order by prompt.closed_at desc, prompt.opened_at desc, prompt.place desc
limit 1
