-- As `list_jobs`, of one status that is not on the way of most jobs: along an index that holds no others.
{{listed_row}}
where job.status = :status
    and job.status in ('pending_hitl', 'failed', 'cancelled')
    and job.id < :before
    and (:owner is null or job.owner = :owner)
{{list_filter}}
order by job.id desc
limit :limit
