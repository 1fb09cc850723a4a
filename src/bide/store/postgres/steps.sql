{{step_row}}
where step.job = :job and (cast(:owner as text) is null or (select owner from bide.job where id = :job) = :owner)
order by step.name, step.key
