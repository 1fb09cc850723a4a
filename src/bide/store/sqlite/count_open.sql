select count(*) from bide_prompt where status = 'open' and (:owner is null or owner = :owner)
