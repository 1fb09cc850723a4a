delete from bide_job where id in ({{prunable}}
    order by finished_at
    limit :limit
)
returning id
