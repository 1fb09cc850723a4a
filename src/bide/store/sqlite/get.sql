{{job_row}}
where job.id in (select value from json_each(:ids)) and (:owner is null or job.owner = :owner)
