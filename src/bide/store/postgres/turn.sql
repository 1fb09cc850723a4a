-- What a turn of a worker's pump writes and takes.
select * from bide.settle_claim_v1(
    :now, :worker, :started, :jobs, :leases, :statuses, :kinds, :reasons, :results, :errors, :due_ats, :ready,
    :continues, :elapsed, :progress, :data, cast(:demands as json), cast(:limits as json), :enough
)
