delete from bide.step where job = any(cast(:ids as text[]))
