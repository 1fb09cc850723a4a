delete from bide.job where id = :job and status in ('completed', 'failed', 'cancelled') returning id
