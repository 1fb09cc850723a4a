"""Making a new job of another one: to run it again, or to go another way from some point of it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

from bide.errors import IdempotencyConflict
from bide.job import TERMINAL
from bide.store.base import Fork, JobRow
from bide.store.forks import kept
from bide.store.postgres.database import Tx
from bide.store.postgres.rows import job_rows
from bide.store.postgres.sql import statement
from bide.store.refusals import no_job, not_finished

_LOCK = statement("lock")
_KEYS_OF = statement("keys_of")
_RECORDED = statement("fork_recorded")
_ANSWERS = statement("fork_answers")
_FORK = statement("fork")
_LABELS = statement("fork_labels")
_STEPS = statement("fork_steps")
_PROMPTS = statement("fork_prompts")
_RESPONSES = statement("fork_responses")
_EVENTS = statement("fork_events")
_STEP_ROWS = statement("fork_step_names")


def fork(job: str, owner: str | None, wanted: Fork) -> Callable[[Tx], Awaitable[JobRow]]:
    async def verb(tx: Tx) -> JobRow:
        if not await job_rows(tx, [job], owner):
            raise no_job(job)
        await tx.fetch(_LOCK, job=job)
        found = await job_rows(tx, [job], owner)
        if not found:
            raise no_job(job)
        source = found[0]
        if wanted.finished and source.status not in TERMINAL:
            raise not_finished(job, source.status)
        while True:
            if existing := await _existing(tx, source, wanted):
                return existing
            # Another transaction may make it meanwhile, under this id or this key; or delete what it has found.
            if await _copy(tx, source, wanted):
                return (await job_rows(tx, [wanted.id]))[0]

    return verb


async def _existing(tx: Tx, source: JobRow, wanted: Fork) -> JobRow | None:
    if existing := await job_rows(tx, [wanted.id]):
        return existing[0]
    if wanted.idempotency_key is None:
        return None
    holder = await tx.first(_KEYS_OF, owners=[source.owner], keys=[wanted.idempotency_key])
    if holder is None:
        return None
    if holder[3] != wanted.digest:
        raise IdempotencyConflict(wanted.idempotency_key, uuid.UUID(holder[2]))
    rows = await job_rows(tx, [holder[2]])
    return rows[0] if rows else None


async def _copy(tx: Tx, source: JobRow, wanted: Fork) -> bool:
    recorded = await tx.fetch(_RECORDED, job=source.id, after=wanted.after)
    there = await tx.fetch(_STEP_ROWS, job=source.id)
    answered = [row[0] for row in await tx.fetch(_ANSWERS, job=source.id)]
    steps, prompts, events = kept(
        source, wanted, [(row[0], row[1]) for row in recorded], [(row[0], row[1]) for row in there], answered
    )
    made = await tx.fetch(
        _FORK,
        id=wanted.id,
        job=source.id,
        now=tx.now,
        seq=len(events),
        idempotency_key=wanted.idempotency_key,
        digest=wanted.digest,
    )
    if not made:
        return False
    await tx.fetch(_LABELS, id=wanted.id, job=source.id)
    await tx.fetch(
        _STEPS, id=wanted.id, job=source.id, names=[name for name, _ in steps], keys=[key for _, key in steps]
    )
    ids = {"there": [there for there, _ in prompts], "here": [here for _, here in prompts]}
    await tx.fetch(_PROMPTS, id=wanted.id, **ids)
    await tx.fetch(_RESPONSES, id=wanted.id, **ids)
    await tx.announce()
    await tx.fetch(
        _EVENTS, id=wanted.id, now=tx.now, kinds=[kind for kind, _ in events], data=[about for _, about in events]
    )
    tx.changed = tx.ready = True
    return True
