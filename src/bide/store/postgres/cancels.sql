-- What runs under a worker and was asked to end.
select id from bide.job where worker = :worker and cancel_requested_at is not null and status = 'running'
