{{prompt_row}}
where prompt.id = :prompt and (:owner is null or prompt.owner = :owner)
