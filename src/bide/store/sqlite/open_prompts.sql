select id, key from bide_prompt where job = :job and status = 'open' order by opened_at, rowid
