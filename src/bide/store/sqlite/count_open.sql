select count(*) from bide_prompt where status = 'open'
