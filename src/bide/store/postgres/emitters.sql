select distinct data::json ->> 'step', data::json ->> 'key' from bide.event where job = :job and kind = 'output'
