-- What runs under a worker and was asked to end.
select id from bide.held_v1(:worker) where cancelling
