{{job_row}}
where job.id = any(cast(:ids as text[])) and (cast(:owner as text) is null or job.owner = :owner)
