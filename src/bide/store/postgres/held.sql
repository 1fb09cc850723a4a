-- What runs under a worker.
select id, lease, cancelling from bide.held_v1(:worker)
