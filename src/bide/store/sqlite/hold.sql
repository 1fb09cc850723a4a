-- Changes nothing, but has the write lock.
update bide_job set seq = seq where false
