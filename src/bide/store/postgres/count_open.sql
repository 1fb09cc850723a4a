select count(*) from bide.prompt as prompt
where prompt.status = 'open'
    and (cast(:owner as text) is null or (select owner from bide.job where id = prompt.job) = :owner)
