-- `rows` are arrays: [job, seq, kind, attempt, lease, data].
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select value ->> 0, value ->> 1, :now, value ->> 2, value ->> 3, value ->> 4, value ->> 5 from json_each(:rows)
