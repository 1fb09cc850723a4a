delete from bide.response
where prompt in (select id from bide.prompt where job = any(cast(:ids as text[])))
