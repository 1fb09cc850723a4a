"""Accepting jobs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from bide.store.base import Accepted, Existing, IdempotencyClash, Inserted, JobRow, NewJob
from bide.store.postgres.database import Database, Tx, Verb
from bide.store.postgres.rows import job_rows, shared
from bide.store.postgres.sql import statement
from bide.store.rows import enqueued

_INSERT_ONE = statement("insert_job")
_INSERT_MANY = statement("insert_jobs")
_KEYS_OF = statement("keys_of")


async def insert(database: Database, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
    return await database.accept(inserting(jobs)) if jobs else []


def inserting(jobs: Sequence[NewJob]) -> Verb[Sequence[Inserted]]:
    # The times of runs whose outcome is unknown: what they made is new to the caller all the same.
    runs: list[int] = []

    async def verb(tx: Tx) -> Sequence[Inserted]:
        before = tuple(runs)
        runs.append(tx.now)
        answers: list[Inserted | None] = [None] * len(jobs)
        while waiting := [job for job, answer in zip(jobs, answers, strict=True) if answer is None]:
            # All at once: as a rule none of them exists. Of the others it is found out what does; and where who held an
            # id or a key is gone meanwhile, they are tried again.
            made = await (_insert_one(tx, waiting[0]) if len(waiting) == 1 else _insert_many(tx, waiting))
            for place, job in enumerate(jobs):
                if answers[place] is None and job.id in made:
                    made.discard(job.id)  # given twice in one call, it is new once
                    answers[place] = Accepted(tx.now)
            if None in answers:
                await _look(tx, jobs, answers, before)
        return [answer for answer in answers if answer is not None]

    return verb


async def _insert_one(tx: Tx, job: NewJob) -> set[str]:
    """Its id, where it was not there."""
    delay = max(job.delay, 0)
    tx.changed = True
    tx.ready = tx.ready or delay == 0
    made = await tx.fetch(
        _INSERT_ONE,
        now=tx.now,
        id=job.id,
        type=job.type,
        type_version=job.type_version,
        queue=job.queue,
        priority=job.priority,
        owner=job.owner,
        max_attempts=job.max_attempts,
        timeout=job.timeout,
        delay=delay,
        key=job.idempotency_key,
        digest=job.digest,
        parent=job.parent,
        labels=job.labels or None,
        lane=job.lane,
        input=job.input,
        data=enqueued(job.type, job.queue, job.priority, job.owner, job.max_attempts, delay, tx.now),
    )
    return {job.id} if made else set()


async def _insert_many(tx: Tx, jobs: Sequence[NewJob]) -> set[str]:
    """The ids of those that were not there."""
    (
        ids, types, type_versions, queues, priorities, owners, max_attempts, timeouts, delays, keys, digests, parents,
        labels, lanes, inputs,
    ) = zip(*jobs, strict=True)  # fmt: skip
    told: dict[tuple[Any, ...], str] = {}
    data: list[str] = []
    for job in jobs:
        # Most of a crowd differ in nothing but their id and input.
        about = (job.type, job.queue, job.priority, job.owner, job.max_attempts, max(job.delay, 0))
        if about not in told:
            told[about] = enqueued(*about, tx.now)
        data.append(told[about])
    tx.changed = True
    tx.ready = tx.ready or any(delay <= 0 for delay in delays)
    rows = await tx.fetch(
        _INSERT_MANY,
        now=tx.now,
        ids=ids,
        types=shared(types),
        type_versions=shared(type_versions),
        queues=shared(queues),
        priorities=shared(priorities),
        owners=shared(owners),
        max_attempts=shared(max_attempts),
        timeouts=shared(timeouts),
        delays=shared([max(delay, 0) for delay in delays]),
        keys=shared(keys),
        digests=shared(digests),
        parents=shared(parents),
        labels=shared([one or None for one in labels]),
        lanes=shared(lanes),
        inputs=inputs,
        data=shared(data),
    )
    return {row[0] for row in rows}


async def _look(tx: Tx, jobs: Sequence[NewJob], answers: list[Inserted | None], runs: Collection[int]) -> None:
    """Answer for those that were not made."""
    missing = [job for job, answer in zip(jobs, answers, strict=True) if answer is None]
    keyed = [job for job in missing if job.idempotency_key is not None]
    holders = {
        (row[0], row[1]): (row[2], row[3])
        for row in await tx.fetch(
            _KEYS_OF, owners=[job.owner for job in keyed], keys=[job.idempotency_key for job in keyed]
        )
    }
    ids = {job.id for job in missing} | {holder for holder, _ in holders.values()}
    existing = {row.id: row for row in await job_rows(tx, ids)}
    made_before: set[str] = set()
    for place, job in enumerate(jobs):
        if answers[place] is None:
            answers[place] = _answer(job, existing, holders, runs, made_before)


def _answer(
    job: NewJob,
    existing: dict[str, JobRow],
    holders: dict[tuple[str, str], tuple[str, str]],
    runs: Collection[int],
    made_before: set[str],
) -> Inserted | None:
    if (there := existing.get(job.id)) is not None:
        if there.created_at in runs and job.id not in made_before:
            made_before.add(job.id)
            return Accepted(there.created_at)
        return Existing(there)
    if job.idempotency_key is None or (holder := holders.get((job.owner, job.idempotency_key))) is None:
        return None
    job_id, digest = holder
    if digest != job.digest:
        return IdempotencyClash(job.idempotency_key, job_id)
    return Existing(existing[job_id]) if job_id in existing else None
