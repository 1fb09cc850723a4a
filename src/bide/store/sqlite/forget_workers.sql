-- Tombstones that no job refers to any more.
delete from bide_worker
where dead_at < :before and id not in (select worker from bide_job where worker is not null)
