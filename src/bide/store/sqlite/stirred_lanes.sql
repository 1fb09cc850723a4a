-- Lanes in which something has happened, with the type of what waits there, if anything does.
select
    lane,
    (
        select job.type from bide_job as job
        where job.lane = news.lane and job.status = 'pending' and job.ready = 1
        limit 1
    )
from bide_open_lane as news
where queue = ''
limit :most
