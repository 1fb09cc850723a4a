{{prompt_row}}
where prompt.id = :prompt and (cast(:owner as text) is null or prompt.owner = :owner)
