delete from bide_step where job in (select value from json_each(:ids))
