-- As `list_jobs`, along the index of owners, which does not hold the jobs that have none.
{{listed_row}}
where job.owner = :owner
    and job.owner <> ''
    and job.id < :before
{{list_filter}}
order by job.id desc
limit :limit
