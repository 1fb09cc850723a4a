{{prompt_row}}
where prompt.id = any(array(select id from bide.prompt where job = :job))
    and (cast(:owner as text) is null or prompt.owner = :owner)
    and (not cast(:open_only as boolean) or prompt.status = 'open')
    and prompt.id > :after
order by prompt.id
limit :limit
