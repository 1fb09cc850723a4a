-- What runs under a worker.
select id, lease, cancel_requested_at is not null from bide_job
where worker = :worker and worker is not null and status = 'running'
