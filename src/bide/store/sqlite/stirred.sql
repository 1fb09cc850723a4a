-- Jobs that have become ready: their lanes are to be looked at.
insert or ignore into bide_open_lane (lane)
select lane from bide_job where id in (select value from json_each(:ids)) and lane <> ''
