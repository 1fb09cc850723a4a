delete from bide.job where id in ({{prunable}}
    order by finished_at
    limit :limit
    for update skip locked
)
returning id
