-- Wait for the row of one job: whatever follows is decided by it.
select status from bide.job where id = :job for update
