insert into bide_response (prompt, id, job, action, value, by, at, defaulted)
values (:prompt, :id, :job, :action, :value, :by, :now, :defaulted)
