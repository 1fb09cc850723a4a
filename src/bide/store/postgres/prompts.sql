{{prompt_row}}
where (cast(:owner as text) is null or job.owner = :owner) and prompt.id > :after
order by prompt.id
limit :limit
