-- Which database this is: no two servers start in the same microsecond, and a copy of a database has another number.
select cast(extract(epoch from pg_postmaster_start_time()) * 1000000 as bigint), cast(oid as bigint)
from pg_database where datname = current_database()
