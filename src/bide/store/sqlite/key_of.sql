select id, digest from bide_job where owner = :owner and idempotency_key = :key and idempotency_key is not null
