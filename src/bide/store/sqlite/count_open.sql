select count(*) from bide_prompt as prompt
where prompt.status = 'open'
    and (:owner is null or (select owner from bide_job where id = prompt.job) = :owner)
