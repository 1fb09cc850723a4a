{{prompt_row}}
where prompt.id = (select prompt from bide_response where id = :response)
    and prompt.job = :job
    and (:owner is null or prompt.owner = :owner)
