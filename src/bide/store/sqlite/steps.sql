{{step_row}}
where step.job = :job and (:owner is null or (select owner from bide_job where id = :job) = :owner)
order by step.name, step.key
