insert into bide.response (prompt, id, job, action, value, by, at, defaulted)
values (:prompt, :id, :job, :action, :value, :by, :now, :defaulted)
on conflict do nothing
returning id
