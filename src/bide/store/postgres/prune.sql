delete from bide.job
where id = any(array({{prunable}}
    order by finished_at
    limit :limit
    for update skip locked
))
returning id
