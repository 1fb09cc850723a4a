-- A retry may take another path: only what succeeded is remembered.
delete from bide_step where error is not null and job in (select value from json_each(:ids))
