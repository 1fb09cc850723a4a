-- Of one lane: those that no run holds, and no rate counts any more.
delete from bide_permit
where lane = :lane
    and expires_at <= :now
    and not exists (
        select 1 from bide_job as job
        where job.id = bide_permit.job and job.lease = bide_permit.lease and job.status = 'running'
    )
