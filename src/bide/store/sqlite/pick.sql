-- The next jobs of one lane of a queue, from the index alone, as one text: [[by what to merge several…, rowid, size], …].
-- Those of no lane are in the empty one.
-- `types` is {name: newest version known}: jobs of others, and newer ones, are passed over. Whoever knows a type knows
-- its version 1, so nearly all of them need no look at the version that is known.
select json_group_array(json_array(-urgency, rank, id, place, input_size))
from (
    select urgency, rank, id, rowid as place, input_size from bide_job
    where lane = :lane
        and queue = :queue
        and status = 'pending'
        and ready = 1
        and type in (select key from json_each(:types))
        and (type_version = 1 or type_version <= (select value from json_each(:types) where key = bide_job.type))
    order by urgency desc, rank, id
    limit :limit
)
