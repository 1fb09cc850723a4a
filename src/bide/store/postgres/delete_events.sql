delete from bide.event where job = any(cast(:ids as text[]))
