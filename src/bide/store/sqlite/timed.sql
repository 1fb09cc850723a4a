-- Running jobs that have a timeout, and what earlier runs of the attempt left of it.
select id, lease, timeout - elapsed from bide_job
where worker is not null and status = 'running' and timeout is not null
