-- One event of one job, under the number the job's row has just been given.
insert into bide.event (job, seq, at, kind, attempt, lease, data)
select id, seq, cast(:now as bigint), cast(:kind as text), attempt, lease, cast(:data as text)
from bide.job where id = :job
