select 0, cast(pg_notify(:channel, :payload) as text)
