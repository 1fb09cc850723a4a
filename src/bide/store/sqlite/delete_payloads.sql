delete from bide_payload where job in (select value from json_each(:ids))
