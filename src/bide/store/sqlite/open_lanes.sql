-- The first lanes of one queue that are open to jobs of these types.
select lane, type from bide_open_lane
where queue = :queue and opens_at <= :now and type in (select key from json_each(:types))
order by urgency desc, rank
limit :most
