delete from bide_label where job in (select value from json_each(:ids))
