update bide.prompt set status = 'expired', closed_at = :now where id = :prompt and status = 'open' returning id
