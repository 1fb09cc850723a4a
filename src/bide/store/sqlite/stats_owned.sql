-- As `stats`, along the index of one owner.
select status, count(*), coalesce(sum(ready), 0), min(finished_at) from bide_job
where owner = :owner
group by status
