-- How far the positions have come, the time of the database, and a notification to see whether it comes back.
select bide.horizon_v1(), cast(extract(epoch from clock_timestamp()) * 1000000 as bigint),
    cast(pg_notify(:channel, :payload) as text)
