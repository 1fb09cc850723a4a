insert into bide.event (job, seq, at, kind, attempt, lease, data)
select cast(:id as text), n, cast(:now as bigint), kind, 0, 0, data
from unnest(cast(:kinds as text[]), cast(:data as text[])) with ordinality as s (kind, data, n)
order by n
