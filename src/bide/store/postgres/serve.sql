update bide.prompt set served_at = :now where id = :prompt and status = 'open' and served_at is null
