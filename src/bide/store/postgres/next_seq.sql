update bide.job set seq = seq + 1 where id = :job
