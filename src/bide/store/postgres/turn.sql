-- What a turn of a worker's pump writes and takes.
select * from bide.settle_claim_v1(
    :now, :worker, :started, :jobs, cast(:leases as bigint[]), :statuses, :kinds, :reasons, :results, :errors,
    cast(:due_ats as bigint[]), cast(:ready as boolean[]), cast(:continues as boolean[]), cast(:elapsed as bigint[]),
    :progress, :data, cast(:demands as json), cast(:limits as json), :enough
)
