-- The jobs that have these keys. `owners` and `keys` are pairs.
select job.owner, job.idempotency_key, job.id, job.digest
from unnest(cast(:owners as text[]), cast(:keys as text[])) as s (owner, key)
join bide.job as job on job.owner = s.owner and job.idempotency_key = s.key
where job.idempotency_key is not null
