-- As `list_jobs`, along the jobs that have the first of the wanted labels. `names` and `values` are those of the others.
{{listed_row}}
join bide.label as label on job.id = any(array[label.job])
where label.name = :name
    and label.value = :value
    and label.job < :before
    and (cast(:owner as text) is null or job.owner = :owner)
    and not exists (
        select 1 from unnest(cast(:names as text[]), cast(:values as text[])) as s (name, value)
        where (
            select true from bide.label as other
            where other.name = s.name and other.value = s.value and other.job = label.job
        ) is null
    )
{{list_filter}}
order by label.job desc
limit :limit
