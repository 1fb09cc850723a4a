-- The jobs that have these keys. `owners` and `keys` are pairs.
select job.owner, job.idempotency_key, job.id, job.digest
from unnest(cast(:owners as text[]), cast(:keys as text[])) as s (owner, key)
cross join lateral (
    select owner, idempotency_key, id, digest from bide.job
    where owner = s.owner and idempotency_key = s.key and idempotency_key is not null
    limit 1
) as job
