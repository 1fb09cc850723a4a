-- All that was claimed, in the order it was picked, as one text: building rows one by one would take the interpreter's
-- lock for each of them.
select json_group_array(
    json_array(
        job.id, job.type, coalesce(job.input, (select body from bide_payload where job = job.id and slot = 'input')),
        job.attempt, job.max_attempts, job.lease, job.timeout, job.elapsed, job.owner,
        case when job.progress_attempt = job.attempt then job.progress end
    )
)
from json_each(:picked) as picked
cross join bide_job as job on job.rowid = picked.value
