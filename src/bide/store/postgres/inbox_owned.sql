-- As `inbox`, along an index of what is open by owner, which does not hold what has none.
{{prompt_row}}
where prompt.status = 'open' and prompt.owner = :owner and prompt.owner <> '' and prompt.id > :after
order by prompt.id
limit :limit
