{{prompt_row}}
where prompt.job in (select value from json_each(:ids)) and prompt.status <> 'withdrawn'
order by prompt.opened_at, prompt.rowid
