-- As `list_jobs`, of one status that is not on the way of most jobs: along an index that holds no others. It is asked for
-- in the order of that index, since the planner takes jobs of a status to be spread evenly over the ids.
{{listed_row}}
where job.status >= :status
    and (job.status, job.id) < (cast(:status as text), cast(:before as text))
    and job.status in ('pending_hitl', 'failed', 'cancelled')
    and (cast(:owner as text) is null or job.owner = :owner)
{{list_filter}}
order by job.status desc, job.id desc
limit :limit
