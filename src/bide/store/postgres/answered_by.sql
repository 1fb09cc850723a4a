{{prompt_row}}
where prompt.id = (select prompt from bide.response where id = :response)
    and prompt.job = :job
    and (cast(:owner as text) is null or prompt.owner = :owner)
