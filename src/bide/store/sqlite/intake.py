"""Accepting jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bide.store.base import Accepted, Existing, IdempotencyClash, Inserted, NewJob
from bide.store.rows import enqueued, json
from bide.store.sqlite.moves import stirred
from bide.store.sqlite.rows import inline, job_rows
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_INSERT = statement("insert_jobs")
_ENQUEUED = statement("enqueued")
_LABEL = statement("label_jobs")
_LARGE = statement("large_input")
_KEY_OF = statement("key_of")


def insert(jobs: Sequence[NewJob]) -> Callable[[Tx], Sequence[Inserted]]:
    # Those that a run of the verb has made, should its outcome be unknown: to the caller they are new all the same.
    made: set[str] = set()

    def verb(tx: Tx) -> Sequence[Inserted]:
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
            return [Accepted(tx.now)] * len(jobs)
        answers = [_insert_one(tx, job, made_before) for job in jobs]
        made.update(job.id for job, answer in zip(jobs, answers, strict=True) if isinstance(answer, Accepted))
        return answers

    return verb


def _insert(tx: Tx, jobs: Sequence[NewJob]) -> bool:
    """Write these jobs if none of them is there; else False, and what was written is to be undone."""
    for shared, inputs in _alike(jobs):
        kind, type_version, queue, priority, owner, max_attempts, timeout, delay, key, digest, parent, labels, lane = (
            shared
        )
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
            "labels": labels or None,
            "lane": lane,
        }
        if tx.db.execute(_INSERT, parameters).rowcount != len(inputs):
            return False
        if labels:
            tx.db.execute(_LABEL, {"inputs": parameters["inputs"], "labels": labels})
        about = enqueued(kind, queue, priority, owner, max_attempts, delay, tx.now)
        tx.db.execute(_ENQUEUED, {"inputs": parameters["inputs"], "now": tx.now, "data": about})
        if delay <= 0:
            tx.ready = True
            if lane:
                stirred(tx, list(inputs))
    tx.db.executemany(_LARGE, [{"job": job.id, "body": job.input} for job in jobs if not inline(job.input)])
    tx.changed = True
    return True


def _alike(jobs: Sequence[NewJob]) -> list[tuple[tuple[Any, ...], dict[str, str | int]]]:
    """Runs of jobs that differ in nothing but id and input, as most of a crowd do: each is one statement."""
    groups: list[tuple[tuple[Any, ...], dict[str, str | int]]] = []
    shared: tuple[Any, ...] = ()
    inputs: dict[str, str | int] = {}
    for job in jobs:
        if job[1:-1] != shared or job.id in inputs:
            shared, inputs = job[1:-1], {}
            groups.append((shared, inputs))
        inputs[job.id] = job.input if inline(job.input) else len(job.input)
    return groups


def _insert_one(tx: Tx, job: NewJob, made_before: set[str]) -> Inserted:
    if existing := job_rows(tx.db, [job.id]):
        if job.id not in made_before:
            return Existing(existing[0])
        made_before.discard(job.id)  # given twice in one call, it is new once
        return Accepted(existing[0].created_at)
    if job.idempotency_key is not None:
        holder = tx.db.execute(_KEY_OF, {"owner": job.owner, "key": job.idempotency_key}).fetchone()
        if holder is not None:
            if holder[1] != job.digest:
                return IdempotencyClash(job.idempotency_key, holder[0])
            return Existing(job_rows(tx.db, [holder[0]])[0])
    inserted = _insert(tx, [job])
    assert inserted, "neither its id nor its key is there"
    return Accepted(tx.now)
