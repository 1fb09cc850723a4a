-- `rows` are arrays: [job, seq, progress].
update bide_job as job
set
    seq = s.seq,
    progress = coalesce(s.progress, job.progress),
    progress_attempt = case when s.progress is null then job.progress_attempt else job.attempt end
from (select value ->> 0 as id, value ->> 1 as seq, value ->> 2 as progress from json_each(:rows)) as s
where job.id = s.id
