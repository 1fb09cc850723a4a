-- How far the positions have come, the time of the database, and a notification to see whether it comes back.
select last_value, cast(extract(epoch from clock_timestamp()) * 1000000 as bigint), pg_notify(:channel, :payload)
from bide.event_pos
