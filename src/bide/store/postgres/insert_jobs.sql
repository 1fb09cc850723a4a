-- What exists already is left out: the ids of the others are returned.
select bide.insert_jobs_v1(
    :now, :ids, :types, :type_versions, :queues, :priorities, :owners, :max_attempts, :timeouts, :delays, :keys,
    :digests, :parents, :labels, :lanes, :inputs, :data
)
