"""Workers that live, end, and die; and the jobs that are taken back from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from bide.errors import StoreBusy
from bide.store.base import Beat, WorkerRow
from bide.store.ends import LATE, LOST, Held, Leaving, cancelled, given_back, taken_back
from bide.store.postgres.database import Database, Tx
from bide.store.postgres.moves import hold, leave, withdraw
from bide.store.postgres.settling import held
from bide.store.postgres.sql import statement
from bide.store.rows import json

_REGISTER = statement("register")
_BEAT = statement("beat")
_HELD = statement("held")
_RETIRE = statement("retire")
_BURY = statement("bury")
_ABANDONED = statement("abandoned")
_FORGET = statement("forget_workers")
_LOCK = statement("lock")

BOUND = 1_000
"""How many jobs one call takes back."""

TOMBSTONE = 24 * 3600 * 1_000_000
"""Microseconds for which a buried worker is kept from coming back under its old id."""


def register(worker: WorkerRow) -> Callable[[Tx], Awaitable[None]]:
    async def verb(tx: Tx) -> None:
        await tx.fetch(
            _REGISTER,
            id=worker.id,
            host=worker.host,
            pid=worker.pid,
            queues=json(worker.queues),
            slots=worker.slots,
            lease=worker.lease,
            now=tx.now,
        )

    return verb


def beat(worker: str) -> Callable[[Tx], Awaitable[Beat]]:
    async def verb(tx: Tx) -> Beat:
        alive = bool(await tx.fetch(_BEAT, worker=worker, now=tx.now))
        rows = await tx.fetch(_HELD, worker=worker)
        return Beat(alive, {row[0]: row[1] for row in rows}, frozenset(row[0] for row in rows if row[2]))

    return verb


async def retire(database: Database, worker: str, executed: Mapping[str, int]) -> None:
    async def leaving(tx: Tx) -> dict[str, int]:
        await tx.fetch(_RETIRE, worker=worker)
        return {row[0]: row[1] for row in await tx.fetch(_HELD, worker=worker)}

    # The row first, and after a claim that is in flight: from here on nothing is claimed under it.
    await release(database, await database.batch(leaving, single=False), executed, "retired")


async def release(
    database: Database, jobs: Mapping[str, int], executed: Mapping[str, int], why: str = "unanswered"
) -> None:
    def how(job: Held) -> Leaving:
        return given_back(job, why, executed)

    if not jobs:
        return
    mine = await database.write(lambda tx: _take_back(tx, jobs, how))
    busy: StoreBusy | None = None
    for job in jobs.keys() - mine.keys():
        # Another transaction holds it, or it is gone.
        try:
            await database.write(_waiting(job, jobs[job], how))
        except StoreBusy as error:
            busy = error  # the others are given back all the same
    if busy is not None:
        raise busy


def _waiting(job: str, lease: int, how: Callable[[Held], Leaving]) -> Callable[[Tx], Awaitable[object]]:
    async def verb(tx: Tx) -> object:
        await tx.fetch(_LOCK, job=job)
        return await _take_back(tx, {job: lease}, how)

    return verb


def rescue(dead: Collection[str]) -> Callable[[Tx], Awaitable[int]]:
    before: dict[str, int] = {}

    async def verb(tx: Tx) -> int:
        if dead:
            await tx.fetch(_BURY, dead=list(dead), now=tx.now)
        rows = await tx.fetch(_ABANDONED, limit=BOUND)
        taken = await _counted(tx, {row[0]: row[1] for row in rows}, lambda job: taken_back(job, LOST), before)
        await tx.fetch(_FORGET, before=tx.now - TOMBSTONE)
        return taken

    return verb


def overdue(jobs: Mapping[str, int]) -> Callable[[Tx], Awaitable[int]]:
    before: dict[str, int] = {}
    return lambda tx: _counted(tx, jobs, lambda job: taken_back(job, LATE), before)


async def _counted(tx: Tx, jobs: Mapping[str, int], how: Callable[[Held], Leaving], before: dict[str, int]) -> int:
    """Take jobs back; returns how many.

    `before` are those that earlier runs of the verb ended, should that have been committed; it is kept up to date.
    """
    known = await held(tx, before) if before else {}
    done = sum(job not in known or known[job].lease != lease for job, lease in before.items())
    mine = await _take_back(tx, jobs, how) if jobs else {}
    ended = {job: lease for job, lease in mine.items() if lease is not None}
    before.update(ended)
    return done + len(ended)


async def _take_back(tx: Tx, jobs: Mapping[str, int], how: Callable[[Held], Leaving]) -> dict[str, int | None]:
    """End the runs of these jobs, as far as they still have these leases and nobody else holds their rows; returns
    those whose rows were free, with the lease of those that ended."""
    mine = await hold(tx, jobs)
    ends: list[Leaving] = []
    ended: dict[str, int | None] = dict.fromkeys(mine)
    for job in (await held(tx, mine)).values():
        if job.status != "running" or job.lease != jobs[job.id]:
            continue
        ended[job.id] = job.lease
        end = how(job) if job.cancel_requested_at is None else cancelled(job)
        if end[2] != "pending":
            await withdraw(tx, job.id)
        ends.append(end)
    if ends:
        await leave(tx, ends)
    return ended
