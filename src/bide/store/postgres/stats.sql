select status, count(*), count(*) filter (where ready), min(finished_at) from bide.job
group by status
