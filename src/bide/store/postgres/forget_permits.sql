delete from bide.permit
where (job, lease, lane) in (
    select permit.job, permit.lease, permit.lane
    from bide.permit as permit
    where permit.expires_at <= :now
        and not exists (
            select from bide.job as job
            where job.id = permit.job and job.lease = permit.lease and job.status = 'running'
        )
    limit :limit
    for update skip locked
)
returning 1
