insert into bide.label (name, value, job) select name, value, cast(:id as text) from bide.label where job = :job
