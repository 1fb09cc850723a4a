{{prompt_row}}
where prompt.job = :job and prompt.status || '' = 'open'
order by prompt.opened_at, prompt.place
