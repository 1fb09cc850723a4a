select bide.note_v1(:now, :batch, :jobs, :leases, :kinds, :data)
