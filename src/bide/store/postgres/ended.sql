-- How the run of this lease ended: the token by which a repeated settle finds what the first one wrote.
select kind, data from bide.event
where job = :job and lease = :lease
    and kind in (
        'job.completed', 'job.failed', 'job.retrying', 'job.released', 'job.rescued', 'job.sleeping', 'job.waiting',
        'job.resumed', 'job.cancelled'
    )
order by seq limit 1
