-- As many as fit into a page, and one at least: what is large is measured here, and not sent.
select pos, job, seq, at, kind, attempt, lease, data
from (
    select event.*, sum(octet_length(coalesce(data, ''))) over by_seq as size, row_number() over by_seq as n
    from (
        select * from bide.event
        where job = :job
            and seq > :after
            and (cast(:owner as text) is null or (select owner from bide.job where id = :job) = :owner)
        order by seq
        limit :limit
    ) as event
    window by_seq as (order by seq)
) as page
where size <= :bytes or n = 1
order by seq
