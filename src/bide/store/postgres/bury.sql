update bide.worker set dead_at = :now where dead_at is null and id = any(cast(:dead as text[]))
