update bide.prompt set status = 'withdrawn', closed_at = coalesce(closed_at, :now) where id = :prompt
