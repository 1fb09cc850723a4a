-- As `stats`, along the index of one owner.
select status, count(*), count(*) filter (where ready), min(finished_at) from bide.job
where owner = :owner
group by status
