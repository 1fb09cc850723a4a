select id, job, key, default_value from bide_prompt
where status = 'open' and deadline_at is not null and deadline_at <= :now
order by deadline_at
limit :limit
