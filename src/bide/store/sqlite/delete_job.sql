delete from bide_job where id = :job and status in ('completed', 'failed', 'cancelled')
