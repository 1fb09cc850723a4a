select count(*) from bide.prompt where status = 'open'
