{{listed_row}}
where job.id < :before
{{list_filter}}
order by job.id desc
limit :limit
