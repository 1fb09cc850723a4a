select count(*) from bide.prompt where status = 'open' and (cast(:owner as text) is null or owner = :owner)
