-- The next jobs of one queue, from the index alone. Types that the worker does not know are passed over.
select id from bide_job
where queue = :queue and status = 'pending' and ready = 1 and type in (select value from json_each(:types))
order by urgency desc, rank, id
limit :limit
