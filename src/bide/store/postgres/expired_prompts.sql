-- Those without a default: another attempt asks anew.
select id, key from bide.prompt
where job = :job and status = 'expired' and default_value is null
order by opened_at, place
