delete from bide_worker where id = :worker
