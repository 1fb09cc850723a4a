select status, count(*), coalesce(sum(ready), 0), min(finished_at) from bide_job
where :owner is null or owner = :owner
group by status
