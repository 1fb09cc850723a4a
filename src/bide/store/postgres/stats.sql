select status, count(*), count(*) filter (where ready), min(finished_at) from bide.job
where cast(:owner as text) is null or owner = :owner
group by status
