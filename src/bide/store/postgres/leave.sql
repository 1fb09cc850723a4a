-- How runs end, many at once; the jobs whose end counts, and whether others may run in the place of each.
select ended.job, (select true from bide.permit as permit where permit.job = ended.job limit 1)
from bide.leave_v1(
    :now, :jobs, cast(:leases as bigint[]), :statuses, :kinds, :reasons, :results, :errors,
    cast(:due_ats as bigint[]), cast(:ready as boolean[]), cast(:continues as boolean[]), cast(:elapsed as bigint[]),
    :progress, :data
) as ended
