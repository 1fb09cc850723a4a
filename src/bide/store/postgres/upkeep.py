"""What time brings: wake-ups, deadlines, fairness, and the end of retention."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence

from bide.store.base import Prunable
from bide.store.postgres.database import Tx
from bide.store.postgres.moves import resume
from bide.store.postgres.settling import held
from bide.store.postgres.sql import statement
from bide.store.refusals import no_job, not_finished
from bide.store.rows import data

_DUE = statement("due")
_WAKE = statement("wake")
_PAST_DEADLINE = statement("past_deadline")
_EXPIRE = statement("expire")
_PROMOTE = statement("promote")
_FORGET_PERMITS = statement("forget_permits")
_FORGET_QUEUES = statement("forget_queues")
_PRUNE = statement("prune")
_JOB_STATE = statement("job_state")
_DELETE_JOB = statement("delete_job")
# Responses are found through their prompts: before them.
_DELETE_ALL = [statement(f"delete_{what}") for what in ("responses", "prompts", "steps", "labels", "events")]

BOUND = 1_000
"""How many rows one call changes."""

SECOND = 1_000_000
"""Microseconds."""

HIGHEST = 32_767
"""The urgency above every priority."""


async def wake_due(tx: Tx) -> int:
    rows = await tx.fetch(_DUE, now=tx.now, limit=BOUND)
    if not rows:
        return 0
    await tx.fetch(_WAKE, ids=[row[0] for row in rows])
    for job, status in rows:
        if status == "pending_hitl":
            await resume(tx, job, "woken")
    tx.ready = True
    return len(rows)


async def expire(tx: Tx) -> int:
    rows = await tx.fetch(_PAST_DEADLINE, now=tx.now, limit=BOUND)
    if not rows:
        return 0
    expired = await tx.fetch(
        _EXPIRE,
        now=tx.now,
        prompts=[row[0] for row in rows],
        responses=[str(uuid.uuid5(_DEFAULTS, row[0])) for row in rows],
        data=[data(prompt=row[0], key=row[1], defaulted=True if row[2] else None) for row in rows],
        resumed=data(reason="expired"),
    )
    tx.changed = bool(expired)
    tx.ready = any(row[1] for row in expired)
    return len(expired)


_DEFAULTS = uuid.UUID("0d6f2b0e-6f0c-5b0a-9f53-6f6b0f4bb4a1")
"""Namespace of the ids of responses that nobody gave."""


def promote(waited: int) -> Callable[[Tx], Awaitable[int]]:
    async def verb(tx: Tx) -> int:
        return len(await tx.fetch(_PROMOTE, highest=HIGHEST, before=tx.now - waited, limit=BOUND))

    return verb


async def forget_permits(tx: Tx) -> int:
    await tx.fetch(_FORGET_QUEUES, before=tx.now - SECOND)
    return len(await tx.fetch(_FORGET_PERMITS, now=tx.now, limit=BOUND))


def prune(prunable: Prunable, owner: str | None, limit: int) -> Callable[[Tx], Awaitable[int]]:
    deleted: set[str] = set()

    async def verb(tx: Tx) -> int:
        # By a run of this verb whose outcome was unknown: what is there still it has not deleted.
        if deleted:
            deleted.difference_update(await held(tx, deleted))
        rows = await tx.fetch(_PRUNE, **prunable_by(prunable, owner), limit=limit - len(deleted))
        ids = [row[0] for row in rows]
        await _delete_all(tx, ids)
        deleted.update(ids)
        return len(deleted)

    return verb


def delete(job: str, owner: str | None) -> Callable[[Tx], Awaitable[None]]:
    async def verb(tx: Tx) -> None:
        found = await tx.first(_JOB_STATE, job=job, owner=owner)
        if found is None:
            if tx.again:  # by a run of this verb whose outcome was unknown
                return
            raise no_job(job)
        if not await tx.fetch(_DELETE_JOB, job=job):
            raise not_finished(job, found[0])
        await _delete_all(tx, [job])

    return verb


def prunable_by(prunable: Prunable, owner: str | None) -> dict[str, object]:
    """The parameters of `prunable.sql`."""
    return {"before": prunable.before, "statuses": [str(status) for status in prunable.statuses], "owner": owner}


async def _delete_all(tx: Tx, jobs: Sequence[str]) -> None:
    if not jobs:
        return
    for statement_ in _DELETE_ALL:
        await tx.fetch(statement_, ids=jobs)
    tx.changed = True
