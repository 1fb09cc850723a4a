delete from bide_prompt where job in (select value from json_each(:ids))
