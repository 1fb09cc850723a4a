"""Workers that live, end, and die; and the jobs that are taken back from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from bide.store.base import Beat, WorkerRow
from bide.store.ends import LATE, LOST, Held, Leaving, cancelled, given_back, taken_back
from bide.store.rows import json
from bide.store.sqlite.moves import leave, withdraw
from bide.store.sqlite.settling import held
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
        _take_back(tx, {row[0]: row[1] for row in rows}, lambda job: given_back(job, "retired", executed))

    return verb


def release(jobs: Mapping[str, int], executed: Mapping[str, int]) -> Callable[[Tx], None]:
    def verb(tx: Tx) -> None:
        _take_back(tx, jobs, lambda job: given_back(job, "unanswered", executed))

    return verb


def rescue(dead: Collection[str]) -> Callable[[Tx], int]:
    before: dict[str, int] = {}

    def verb(tx: Tx) -> int:
        tx.db.execute(_BURY, {"dead": json(list(dead)), "now": tx.now})
        rows = tx.db.execute(_ABANDONED, {"limit": BOUND}).fetchall()
        taken = _take_back(tx, dict(rows), lambda job: taken_back(job, LOST), before)
        tx.db.execute(_FORGET, {"before": tx.now - TOMBSTONE})
        return taken

    return verb


def overdue(jobs: Mapping[str, int]) -> Callable[[Tx], int]:
    before: dict[str, int] = {}
    return lambda tx: _take_back(tx, jobs, lambda job: taken_back(job, LATE), before)


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
