{{prompt_row}}
where (cast(:owner as text) is null or prompt.owner = :owner) and prompt.id > :after
order by prompt.id
limit :limit
