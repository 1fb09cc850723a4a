"""Accepting jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bide.job import JobStatus
from bide.store.base import IdempotencyClash, Inserted, JobRow, NewJob
from bide.store.sqlite.rows import data, inline, job_rows, json
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_INSERT = statement("insert_jobs")
_ENQUEUED = statement("enqueued")
_LARGE = statement("large_input")
_KEY_OF = statement("key_of")


def insert(jobs: Sequence[NewJob]) -> Callable[[Tx], Sequence[Inserted | IdempotencyClash]]:
    # Those that a run of the verb has made, should its outcome be unknown: to the caller they are new all the same.
    made: set[str] = set()

    def verb(tx: Tx) -> Sequence[Inserted | IdempotencyClash]:
        if not jobs:
            return []
        made_before = set(made)
        # All at once: as a rule none of them exists. Else one by one, to see which.
        tx.db.execute("savepoint jobs")
        accepted = _insert(tx, jobs)
        if not accepted:
            tx.db.execute("rollback to jobs")
        tx.db.execute("release jobs")
        if accepted:
            made.update(job.id for job in jobs)
            return [Inserted(_row(job, tx.now), created=True) for job in jobs]
        answers = [_insert_one(tx, job, made_before) for job in jobs]
        made.update(one.job.id for one in answers if isinstance(one, Inserted) and one.created)
        return answers

    return verb


def _insert(tx: Tx, jobs: Sequence[NewJob]) -> bool:
    """Write these jobs if none of them is there; else False, and what was written is to be undone."""
    for shared, inputs in _alike(jobs):
        kind, type_version, queue, priority, owner, max_attempts, timeout, delay, key, digest, parent = shared
        parameters = {
            "inputs": json(inputs),
            "now": tx.now,
            "type": kind,
            "type_version": type_version,
            "queue": queue,
            "priority": priority,
            "owner": owner,
            "max_attempts": max_attempts,
            "timeout": timeout,
            "delay": max(delay, 0),
            "idempotency_key": key,
            "digest": digest,
            "parent": parent,
        }
        if tx.db.execute(_INSERT, parameters).rowcount != len(inputs):
            return False
        about = _about(kind, queue, priority, owner, max_attempts, delay, tx.now)
        tx.db.execute(_ENQUEUED, {"inputs": parameters["inputs"], "now": tx.now, "data": about})
        tx.ready = tx.ready or delay <= 0
    tx.db.executemany(_LARGE, [{"job": job.id, "body": job.input} for job in jobs if not inline(job.input)])
    tx.changed = True
    return True


def _alike(jobs: Sequence[NewJob]) -> list[tuple[tuple[Any, ...], dict[str, str | None]]]:
    """Runs of jobs that differ in nothing but id and input, as most of a crowd do: each is one statement."""
    groups: list[tuple[tuple[Any, ...], dict[str, str | None]]] = []
    for job in jobs:
        identity, kind, text, *others = job
        shared = (kind, *others)
        if not groups or groups[-1][0] != shared or identity in groups[-1][1]:
            groups.append((shared, {}))
        groups[-1][1][identity] = text if inline(text) else None
    return groups


def _insert_one(tx: Tx, job: NewJob, made_before: set[str]) -> Inserted | IdempotencyClash:
    if existing := job_rows(tx.db, [job.id]):
        created = job.id in made_before
        made_before.discard(job.id)  # given twice in one call, it is new once
        return Inserted(existing[0], created=created)
    if job.idempotency_key is not None:
        holder = tx.db.execute(_KEY_OF, {"owner": job.owner, "key": job.idempotency_key}).fetchone()
        if holder is not None:
            if holder[1] != job.digest:
                return IdempotencyClash(job.idempotency_key, holder[0])
            return Inserted(job_rows(tx.db, [holder[0]])[0], created=False)
    inserted = _insert(tx, [job])
    assert inserted, "neither its id nor its key is there"
    return Inserted(_row(job, tx.now), created=True)


def _about(kind: str, queue: str, priority: int, owner: str, max_attempts: int, delay: int, now: int) -> str:
    delayed = delay > 0
    return data(
        type=kind,
        queue=queue,
        priority=priority,
        owner=owner,
        max_attempts=max_attempts,
        reason="delayed" if delayed else None,
        due_at=now + delay if delayed else None,
    )


def _row(job: NewJob, now: int) -> JobRow:
    """What the database now holds."""
    delayed = job.delay > 0
    return JobRow(
        id=job.id,
        type=job.type,
        type_version=job.type_version,
        queue=job.queue,
        priority=job.priority,
        owner=job.owner,
        status=JobStatus.PENDING,
        reason="delayed" if delayed else None,
        attempt=0,
        max_attempts=job.max_attempts,
        lease=0,
        seq=1,
        input=job.input,
        result=None,
        error=None,
        progress=None,
        timeout=job.timeout,
        elapsed=0,
        created_at=now,
        due_at=now + job.delay if delayed else None,
        started_at=None,
        finished_at=None,
        cancel_requested_at=None,
        worker=None,
        idempotency_key=job.idempotency_key,
        parent=job.parent,
        forked_from=None,
    )
