-- Of a lane: how many run in it, how many have started within the period, and when the first of as many as the rate
-- allows starts to count no more.
select
    (
        select count(*)
        from bide_permit as permit
        cross join bide_job as job on job.id = permit.job
        where permit.lane = :lane and job.lease = permit.lease and job.status = 'running'
    ),
    (select count(*) from bide_permit where lane = :lane and at > :now - :period),
    (select at + :period from bide_permit where lane = :lane order by at desc limit 1 offset :others)
