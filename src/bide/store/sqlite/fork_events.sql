-- `events` are arrays: [kind, data].
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select :id, key + 1, :now, value ->> 0, 0, 0, value ->> 1 from json_each(:events)
