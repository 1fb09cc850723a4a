insert into bide_step (job, name, key, result, error, size, attempt, lease, at)
select :job, :name, :key, :result, :error, :size, attempt, lease, :now from bide_job where id = :job
on conflict do nothing
