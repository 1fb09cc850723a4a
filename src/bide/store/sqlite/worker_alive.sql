select 1 from bide_worker where id = :worker and dead_at is null
