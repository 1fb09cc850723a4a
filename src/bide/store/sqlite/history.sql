select pos, job, seq, at, kind, attempt, lease, data from bide_event
where job = :job
    and seq > :after
    and (:owner is null or (select owner from bide_job where id = :job) = :owner)
order by seq
limit :limit
