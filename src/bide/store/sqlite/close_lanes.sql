delete from bide_open_lane where lane in (select value from json_each(:lanes))
