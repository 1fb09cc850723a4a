-- What runs under a worker.
select id, lease, cancel_requested_at is not null from bide.job where worker = :worker and status = 'running'
