-- The next jobs of one queue, from the index alone, with what to merge several queues by. Types that the
-- worker does not know are passed over.
select -urgency, rank, id from bide_job
where queue = :queue and status = 'pending' and ready = 1 and type in (select value from json_each(:types))
order by urgency desc, rank, id
limit :limit
