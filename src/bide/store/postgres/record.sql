select bide.record_v1(
    :now, :jobs, cast(:leases as bigint[]), :names, :keys, :results, :errors, cast(:sizes as integer[]), :kinds, :data
)
