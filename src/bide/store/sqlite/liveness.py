"""Workers that live, end, and die; and the jobs that are taken back from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from bide.events import EventKind as E
from bide.store.base import Beat, WorkerRow
from bide.store.sqlite.moves import Leaving, leave, leaving, withdraw
from bide.store.sqlite.rows import data, json
from bide.store.sqlite.settling import Held, cancelled, failed, held
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_REGISTER = statement("register")
_BEAT = statement("beat")
_HELD = statement("held")
_RETIRE = statement("retire")
_BURY = statement("bury")
_ABANDONED = statement("abandoned")
_FORGET = statement("forget_workers")

BOUND = 1_000
"""How many jobs one call takes back."""

TOMBSTONE = 24 * 3600 * 1_000_000
"""Microseconds for which a buried worker is kept from coming back under its old id."""


def register(worker: WorkerRow) -> Callable[[Tx], None]:
    def verb(tx: Tx) -> None:
        row = {
            "id": worker.id,
            "host": worker.host,
            "pid": worker.pid,
            "queues": json(worker.queues),
            "slots": worker.slots,
            "lease": worker.lease,
            "now": tx.now,
        }
        tx.db.execute(_REGISTER, row)

    return verb


def beat(worker: str) -> Callable[[Tx], Beat]:
    def verb(tx: Tx) -> Beat:
        alive = tx.db.execute(_BEAT, {"worker": worker, "now": tx.now}).rowcount == 1
        rows = tx.db.execute(_HELD, {"worker": worker}).fetchall()
        return Beat(alive, {row[0]: row[1] for row in rows}, frozenset(row[0] for row in rows if row[2]))

    return verb


def retire(worker: str, executed: Mapping[str, int]) -> Callable[[Tx], None]:
    def verb(tx: Tx) -> None:
        tx.db.execute(_RETIRE, {"worker": worker})
        rows = tx.db.execute(_HELD, {"worker": worker}).fetchall()
        _take_back(tx, {row[0]: row[1] for row in rows}, lambda job: _given_back(job, "retired", executed))

    return verb


def release(jobs: Mapping[str, int], executed: Mapping[str, int]) -> Callable[[Tx], None]:
    def verb(tx: Tx) -> None:
        _take_back(tx, jobs, lambda job: _given_back(job, "unanswered", executed))

    return verb


def rescue(dead: Collection[str]) -> Callable[[Tx], int]:
    before: dict[str, int] = {}

    def verb(tx: Tx) -> int:
        tx.db.execute(_BURY, {"dead": json(list(dead)), "now": tx.now})
        rows = tx.db.execute(_ABANDONED, {"limit": BOUND}).fetchall()
        taken = _take_back(tx, dict(rows), lambda job: _rescued(job, _LOST), before)
        tx.db.execute(_FORGET, {"before": tx.now - TOMBSTONE})
        return taken

    return verb


def overdue(jobs: Mapping[str, int]) -> Callable[[Tx], int]:
    before: dict[str, int] = {}
    return lambda tx: _take_back(tx, jobs, lambda job: _rescued(job, _LATE), before)


def _take_back(
    tx: Tx, jobs: Mapping[str, int], how: Callable[[Held], Leaving], before: dict[str, int] | None = None
) -> int:
    """End the runs of these jobs, as far as they still have these leases; returns how many.

    `before` are those that earlier runs of the verb ended, should that have been committed; it is kept up to date.
    """
    before = {} if before is None else before
    if not jobs and not before:
        return 0
    known = held(tx, [*jobs, *before])
    done = sum(job not in known or known[job].lease != lease for job, lease in before.items())
    ends: list[Leaving] = []
    for job in known.values():
        if job.status != "running" or job.lease != jobs.get(job.id):
            continue
        before[job.id] = job.lease
        end = how(job) if job.cancel_requested_at is None else cancelled(job)
        if end[2] != "pending":
            withdraw(tx, job.id)
        ends.append(end)
    if ends:
        left = leave(tx, ends)
        assert left, "each of them was seen to be able to, in this transaction"
    return done + len(ends)


def _given_back(job: Held, why: str, executed: Mapping[str, int]) -> Leaving:
    # Told apart from a run that released itself: its settle must not be taken for this.
    about = data(reason="released", why=why)
    return leaving(
        job.id,
        job.lease,
        "pending",
        E.RELEASED,
        about,
        reason="released",
        ready=True,
        continues=True,
        elapsed=executed.get(job.id, 0),
    )


class _Why(NamedTuple):
    """Why a job is taken back: the reason where an attempt is left, and where none is, with the error."""

    pending: str
    failed: str
    error: str


_LOST = _Why(
    "rescued", "worker_lost", json({"type": "WorkerLost", "message": "The worker that ran this job was lost."})
)
_LATE = _Why(
    "timeout",
    "timeout",
    json({"type": "JobTimedOut", "message": "The worker that ran this job did not end it within its timeout."}),
)


def _rescued(job: Held, why: _Why) -> Leaving:
    if job.attempt >= job.max_attempts:
        return failed(job.id, job.lease, why.error, why.failed)
    about = data(reason=why.pending)
    return leaving(job.id, job.lease, "pending", E.RESCUED, about, reason=why.pending, ready=True)
