-- No event: what a reader sees of the job stays as it is.
update bide.job set ready = true
where id = any(cast(:ids as text[])) and status = 'pending' and not ready
