-- Only ever an update: a worker that was buried must not rise again by itself.
update bide.worker set beat = beat + 1, beat_at = :now where id = :worker and dead_at is null returning id
