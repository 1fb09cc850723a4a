select count(*) from ({{prunable}}
)
