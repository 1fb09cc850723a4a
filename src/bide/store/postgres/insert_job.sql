-- A row, where it did not exist.
select made
from bide.insert_job_v1(
    :now, :id, :type, :type_version, :queue, :priority, :owner, :max_attempts, :timeout, :delay, :key, :digest, :parent,
    :labels, :lane, :input, :data
) as made
where made
