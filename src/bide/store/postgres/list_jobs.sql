{{listed_row}}
where job.id < :before
    and (cast(:owner as text) is null or job.owner = :owner)
{{list_filter}}
order by job.id desc
limit :limit
