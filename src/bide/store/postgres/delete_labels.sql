delete from bide.label where job = any(cast(:ids as text[]))
