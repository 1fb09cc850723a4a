delete from bide.response
where prompt = any(array(select id from bide.prompt where job = any(cast(:ids as text[]))))
