insert into bide.step (job, name, key, result, error, size, attempt, lease, at)
select cast(:id as text), step.name, step.key, step.result, null, step.size, 0, 0, step.at
from unnest(cast(:names as text[]), cast(:keys as text[])) as s (name, key)
join bide.step as step on step.job = :job and step.name = any(array[s.name]) and step.key = s.key
