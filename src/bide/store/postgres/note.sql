select bide.note_v1(:now, :batch, :jobs, cast(:leases as bigint[]), :kinds, :data)
