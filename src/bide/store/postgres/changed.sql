-- Those above the horizon too: what is told twice is only looked at twice.
select array_agg(distinct job), count(*)
from (select job from bide.event where pos > :since order by pos limit :limit) as news
