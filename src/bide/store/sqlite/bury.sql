update bide_worker set dead_at = :now where dead_at is null and id in (select value from json_each(:dead))
