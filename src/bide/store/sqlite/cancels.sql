-- What runs under a worker and was asked to end.
select id from bide_job where worker = :worker and worker is not null and cancel_requested_at is not null
