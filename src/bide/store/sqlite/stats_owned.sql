-- As `stats`, along the index of owners.
select status, count(*), coalesce(sum(ready), 0), min(finished_at) from bide_job
where owner = :owner and owner <> ''
group by status
