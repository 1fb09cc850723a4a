-- As `list_jobs`, along the index of one owner.
{{listed_row}}
where job.owner = :owner
    and job.id < :before
{{list_filter}}
order by job.id desc
limit :limit
