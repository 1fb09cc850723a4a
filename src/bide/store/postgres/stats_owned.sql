-- As `stats`, along the index of owners.
select status, count(*), count(*) filter (where ready), min(finished_at) from bide.job
where owner = :owner and owner <> ''
group by status
