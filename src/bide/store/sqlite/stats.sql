select status, count(*), coalesce(sum(ready), 0), min(finished_at) from bide_job
group by status
