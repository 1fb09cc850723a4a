-- `steps` are pairs of name and key.
insert into bide_step (job, name, key, result, error, size, attempt, lease, at)
select :id, step.name, step.key, step.result, null, step.size, 0, 0, step.at
from json_each(:steps) as s
cross join bide_step as step on step.job = :job and step.name = s.value ->> 0 and step.key = s.value ->> 1
