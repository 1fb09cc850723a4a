-- As `list_jobs`, along the jobs that have the first of the wanted labels.
{{listed_row}}
join bide_label as label on label.job = job.id
where label.name = :name
    and label.value = :value
    and label.job < :before
    and (:owner is null or job.owner = :owner)
    and not exists (
        select 1 from json_each(:labels) as s
        where not exists (
            select 1 from bide_label as other
            where other.name = s.value ->> 0 and other.value = s.value ->> 1 and other.job = label.job
        )
    )
{{list_filter}}
order by label.job desc
limit :limit
