{{prompt_row}}
where prompt.job = any(cast(:ids as text[])) and prompt.status <> 'withdrawn'
order by prompt.opened_at, prompt.place
