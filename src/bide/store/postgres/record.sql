select bide.record_v1(:now, :jobs, :leases, :names, :keys, :results, :errors, :sizes, :kinds, :data)
