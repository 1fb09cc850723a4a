-- As `count_open`, along an index of what is open by owner.
select count(*) from bide.prompt where status = 'open' and owner = :owner and owner <> ''
