delete from bide_permit
where (job, lease, lane) in (
    select permit.job, permit.lease, permit.lane from bide_permit as permit
    where permit.expires_at <= :now
        and not exists (
            select 1 from bide_job as job
            where job.id = permit.job and job.lease = permit.lease and job.status = 'running'
        )
    limit :limit
)
