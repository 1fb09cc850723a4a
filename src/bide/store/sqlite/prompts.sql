{{prompt_row}}
where (:owner is null or prompt.owner = :owner) and prompt.id > :after
order by prompt.id
limit :limit
