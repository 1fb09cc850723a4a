-- The rows of these jobs that nobody else holds, in a fixed order.
select id from bide.job where id = any(cast(:ids as text[])) order by id for update skip locked
