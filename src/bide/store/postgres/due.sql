select id, status from bide.job
where due_at <= :now and due_at is not null and not ready and status in ('pending', 'pending_hitl')
order by due_at
limit :limit
for update skip locked
