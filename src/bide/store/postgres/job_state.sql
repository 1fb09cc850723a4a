-- Of one job, for whoever may see it.
select status, cancel_requested_at from bide.job where id = :job and (cast(:owner as text) is null or owner = :owner)
