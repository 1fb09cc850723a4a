-- Jobs that run past their timeout: what earlier runs of the attempt took, and this one so far.
select id, lease from bide_job
where worker is not null
    and status = 'running'
    and timeout is not null
    and elapsed + (:now - claimed_at) >= timeout + :grace
limit :limit
