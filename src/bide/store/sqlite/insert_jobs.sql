-- `rows` are arrays: [id, type, type_version, queue, priority, owner, max_attempts, timeout, delay, idempotency_key,
-- digest, parent, input]. What exists already is left out: the caller compares the number of changes.
insert into bide_job (
    id, type, type_version, queue, priority, urgency, owner, max_attempts, timeout, rank, status, ready, reason, due_at,
    seq, input, created_at, idempotency_key, digest, parent
)
select
    value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
    :now + (value ->> 8), 'pending', value ->> 8 = 0,
    case when value ->> 8 > 0 then 'delayed' end, case when value ->> 8 > 0 then :now + (value ->> 8) end,
    1, value ->> 12, :now, value ->> 9, value ->> 10, value ->> 11
from json_each(:rows)
where true
on conflict do nothing
