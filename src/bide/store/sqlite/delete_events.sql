delete from bide_event where job in (select value from json_each(:ids))
