select coalesce((select seq from sqlite_sequence where name = 'bide_event'), 0)
