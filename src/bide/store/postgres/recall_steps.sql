{{step_row}}
where step.job = any(cast(:ids as text[]))
order by step.job, step.name, step.key
