-- Whether it may claim, and whether there is anything to see to that has a limit.
select
    exists (select 1 from bide_worker where id = :worker and dead_at is null),
    exists (select 1 from bide_permit) or exists (select 1 from bide_open_lane)
