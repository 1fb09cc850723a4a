-- The labels of accepted jobs. `inputs` as in `insert_jobs`.
insert into bide_label (name, value, job)
select json_each.key, json_each.value, s.key from json_each(:inputs) as s cross join json_each(:labels)
