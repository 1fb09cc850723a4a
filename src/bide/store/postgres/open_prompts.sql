-- By the jobs: `|| ''` keeps the planner from the index of all that are open.
select job, id, key from bide.prompt
where job = any(cast(:jobs as text[])) and status || '' = 'open'
order by opened_at, place
