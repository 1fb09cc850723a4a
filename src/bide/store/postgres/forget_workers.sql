-- Tombstones that no job refers to any more.
delete from bide.worker
where dead_at < :before and not exists (select from bide.job as job where job.worker = worker.id)
