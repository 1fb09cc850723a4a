{{prompt_row}}
where prompt.job = :job and prompt.key = :key and prompt.status <> 'withdrawn'
