select id, status from bide_job
where due_at <= :now and due_at is not null and ready = 0 and status in ('pending', 'pending_hitl')
order by due_at
limit :limit
