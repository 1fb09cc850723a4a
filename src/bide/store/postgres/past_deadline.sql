select id, key, default_value is not null from bide.prompt
where status = 'open' and deadline_at is not null and deadline_at <= :now
order by deadline_at
limit :limit
