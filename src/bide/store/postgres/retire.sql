delete from bide.worker where id = :worker
