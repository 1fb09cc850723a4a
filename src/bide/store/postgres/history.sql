select pos, job, seq, at, kind, attempt, lease, data from bide.event
where job = :job
    and seq > :after
    and (cast(:owner as text) is null or (select owner from bide.job where id = :job) = :owner)
order by seq
limit :limit
