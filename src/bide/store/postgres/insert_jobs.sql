-- What exists already is left out: the ids of the others are returned.
select bide.insert_jobs_v1(
    :now, :ids, :types, cast(:type_versions as integer[]), :queues, cast(:priorities as integer[]), :owners,
    cast(:max_attempts as integer[]), cast(:timeouts as bigint[]), cast(:delays as bigint[]), :keys, :digests, :parents,
    :labels, :lanes, :inputs, :data
)
