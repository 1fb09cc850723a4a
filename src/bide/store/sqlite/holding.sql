-- Those of these jobs that have run with a permit.
select permit.job
from json_each(:ids) as s
cross join bide_permit as permit on permit.job = s.value
