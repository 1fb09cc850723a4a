-- Jobs that differ in nothing but their id and input: `inputs` is one object, {id: input, or its size where it lives apart}.
-- What exists already is left out: the caller compares the number of changes.
insert into bide_job (
    id, type, type_version, queue, priority, urgency, owner, max_attempts, timeout, rank, status, ready, reason, due_at,
    seq, input, input_size, created_at, idempotency_key, digest, parent, labels, lane
)
select
    key, :type, :type_version, :queue, :priority, :priority, :owner, :max_attempts, :timeout, :now + :delay, 'pending',
    :delay = 0, case when :delay > 0 then 'delayed' end, case when :delay > 0 then :now + :delay end,
    1, case when type = 'text' then value end, case when type = 'integer' then value else 0 end, :now, :idempotency_key, :digest, :parent,
    :labels, :lane
from json_each(:inputs)
where true
on conflict do nothing
