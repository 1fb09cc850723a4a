select job from bide_event where pos > :since order by pos limit :limit
