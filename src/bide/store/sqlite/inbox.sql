-- As `prompts`, those that are open: along an index that holds no other, however many there were.
{{prompt_row}}
where prompt.status = 'open' and (:owner is null or prompt.owner = :owner) and prompt.id > :after
order by prompt.id
limit :limit
