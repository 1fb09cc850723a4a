select count(*) from ({{prunable}}
) as prunable
