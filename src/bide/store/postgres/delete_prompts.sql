delete from bide.prompt where job = any(cast(:ids as text[]))
