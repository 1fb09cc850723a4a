delete from bide_response
where prompt in (select id from bide_prompt where job in (select value from json_each(:ids)))
