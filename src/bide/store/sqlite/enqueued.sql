-- `rows` are arrays: [job, data].
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select value ->> 0, 1, :now, 'job.enqueued', 0, 0, value ->> 1 from json_each(:rows)
