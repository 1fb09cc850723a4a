insert into bide_label (name, value, job) select name, value, :id from bide_label where job = :job
