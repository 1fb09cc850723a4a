-- Of one job, for whoever may see it.
select status, cancel_requested_at from bide_job where id = :job and (:owner is null or owner = :owner)
