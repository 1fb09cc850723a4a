update bide_job set seq = seq + 1 where id = :job
