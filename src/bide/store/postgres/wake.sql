-- No event: what a reader sees of the job stays as it is.
with woken as (
    update bide.job set ready = true
    where id = any(cast(:ids as text[])) and status = 'pending' and not ready
    returning lane
)
insert into bide.open_lane (lane) select distinct lane from woken where lane <> ''
