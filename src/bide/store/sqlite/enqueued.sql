-- The first events of accepted jobs. `inputs` as in `insert_jobs`.
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select key, 1, :now, 'job.enqueued', 0, 0, :data from json_each(:inputs)
