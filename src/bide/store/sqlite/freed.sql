-- Runs that held a permit of a lane have ended: it is to be looked at. `rows` are arrays that begin with job and lease.
insert or ignore into bide_open_lane (lane)
select permit.lane
from json_each(:rows) as s
cross join bide_permit as permit on permit.job = s.value ->> 0 and permit.lease = s.value ->> 1
cross join bide_job as job on job.id = permit.job and job.lane = permit.lane
where exists (select 1 from bide_permit)
