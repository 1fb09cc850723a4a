select id, key from bide.prompt where job = :job and status = 'open' order by opened_at, place
