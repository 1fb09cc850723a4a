-- `picked` are rowids, picked in this transaction: the shortest way to a row. `continues`: this claim goes on with the attempt it finds.
update bide_job
set
    status = 'running',
    ready = 0,
    reason = null,
    due_at = null,
    lease = lease + 1,
    attempt = attempt + 1 - continues,
    elapsed = case when continues then elapsed else 0 end,
    continues = 0,
    worker = :worker,
    seq = seq + 1,
    started_at = coalesce(started_at, :now),
    claimed_at = :now
where rowid in (select value from json_each(:picked)) and status = 'pending' and ready = 1
