{{step_row}}
where step.job in (select value from json_each(:ids))
order by step.job, step.name, step.key
