-- As `list_jobs`, along the index of one owner.
{{job_row}}
where job.owner = :owner
    and job.id < :before
    and (:statuses is null or job.status in (select value from json_each(:statuses)))
    and (:types is null or job.type in (select value from json_each(:types)))
    and (:queues is null or job.queue in (select value from json_each(:queues)))
order by job.id desc
limit :limit
