delete from bide.permit
where ctid = any(array(
    select permit.ctid
    from bide.permit as permit
    where permit.expires_at <= :now
        and not exists (
            select from bide.job as job
            where job.id = any(array[permit.job]) and job.lease = permit.lease and job.status = 'running'
        )
    order by permit.expires_at
    limit :limit
    for update skip locked
))
returning 1
