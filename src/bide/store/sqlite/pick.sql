-- The next jobs of one queue, from the index alone, as one text: [[by what to merge several queues…, rowid], …]. Types
-- that the worker does not know are passed over.
select json_group_array(json_array(-urgency, rank, id, place))
from (
    select urgency, rank, id, rowid as place from bide_job
    where queue = :queue and status = 'pending' and ready = 1 and type in (select value from json_each(:types))
    order by urgency desc, rank, id
    limit :limit
)
