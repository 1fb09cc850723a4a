-- How runs end, many at once; the jobs whose end counts.
select bide.leave_v1(
    :now, :jobs, :leases, :statuses, :kinds, :reasons, :results, :errors, :due_ats, :ready, :continues, :elapsed,
    :progress, :data
)
