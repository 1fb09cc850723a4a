select distinct data ->> 'step', data ->> 'key' from bide_event where job = :job and kind = 'output'
