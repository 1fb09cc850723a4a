"""What a run writes while it lasts: steps, questions, facts."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from bide.errors import LeaseLost, StoreError
from bide.events import EventKind
from bide.store.base import Fact, NewPrompt, PromptRow, StepRow
from bide.store.postgres.database import Database, Tx
from bide.store.postgres.moves import append, withdraw_one
from bide.store.postgres.sql import statement
from bide.store.rows import data, moment, prompt_row

_RUNNING = statement("running")
_STILL_RUNNING = statement("still_running")
_LOCK = statement("lock")
_RECORD = statement("record")
_STEP_RESULT = statement("step_result")
_PROMPT_OF_KEY = statement("prompt_of_key")
_ASK = statement("ask")
_NOTED = statement("noted")
_NOTE = statement("note")


class Recording(NamedTuple):
    """A step to remember, of a run; `data` is for its event."""

    job: str
    lease: int
    step: StepRow
    data: str


async def record(database: Database, recordings: Sequence[Recording]) -> Sequence[bool | None]:
    """Remember steps; False where the lease was lost, None where another transaction holds the row."""
    return await _write(database, recordings, recording)


async def recording(tx: Tx, some: Sequence[Recording]) -> list[bool]:
    """Remember those whose rows are free; False for the others, too."""
    steps = [one.step for one in some]
    rows = await tx.fetch(
        _RECORD,
        now=tx.now,
        jobs=[one.job for one in some],
        leases=[one.lease for one in some],
        names=[step.name for step in steps],
        keys=[step.key for step in steps],
        results=[step.result for step in steps],
        errors=[step.error for step in steps],
        sizes=[0 if step.result is None else len(step.result.encode()) for step in steps],
        kinds=[_kind(step) for step in steps],
        data=[one.data for one in some],
    )
    return _written(tx, [row[0] for row in rows], len(some))


def recorded(job: str, name: str, key: str) -> Callable[[Tx], Awaitable[bool]]:
    async def verb(tx: Tx) -> bool:
        await tx.fetch(_LOCK, job=job)  # whoever has recorded it holds the row until it is over
        return await tx.first(_STEP_RESULT, job=job, name=name, key=key) is not None

    return verb


async def note(database: Database, facts: Sequence[Fact]) -> Sequence[bool | None]:
    return await _write(database, facts, noting())


def noting() -> Callable[[Tx, Sequence[Fact]], Awaitable[list[bool]]]:
    # Facts have no ids: a number for all of them is their token, should the outcome be unknown.
    batch = secrets.randbits(62)

    async def verb(tx: Tx, some: Sequence[Fact]) -> list[bool]:
        jobs = [fact.job for fact in some]
        if tx.again:
            written = {(row[0], row[1]) for row in await tx.fetch(_NOTED, jobs=jobs, batch=batch)}
            if written:
                return [(fact.job, fact.lease) in written for fact in some]
        rows = await tx.fetch(
            _NOTE,
            now=tx.now,
            batch=batch,
            jobs=jobs,
            leases=[fact.lease for fact in some],
            kinds=[fact.kind.value for fact in some],
            data=[fact.data for fact in some],
        )
        return _written(tx, [row[0] for row in rows], len(some))

    return verb


async def hold(tx: Tx, job: str, lease: int) -> None:
    """Wait for the row of a job that runs under this lease. Raises LeaseLost."""
    await tx.fetch(_LOCK, job=job)
    if not await tx.fetch(_RUNNING, job=job, lease=lease):
        raise lease_lost(job, lease)


Item = TypeVar("Item", Recording, Fact)


async def _write(
    database: Database, items: Sequence[Item], verb: Callable[[Tx, Sequence[Item]], Awaitable[list[bool]]]
) -> Sequence[bool | None]:
    """Write what runs hand in, all at once, but for those whose rows others hold."""
    if not items:
        return []
    written = await database.batch(lambda tx: verb(tx, items))
    left = {(item.job, item.lease) for item, done in zip(items, written, strict=True) if not done}
    if not left:
        return written
    jobs, leases = [job for job, _ in left], [lease for _, lease in left]
    held = left
    # Should this fail, it must not be said that nothing was written: they are tried again.
    with contextlib.suppress(StoreError):
        rows = await database.read(lambda tx: tx.fetch(_STILL_RUNNING, jobs=jobs, leases=leases))
        held = {(row[0], row[1]) for row in rows}
    return [
        None if not done and (item.job, item.lease) in held else done for item, done in zip(items, written, strict=True)
    ]


def _written(tx: Tx, numbers: Sequence[int], count: int) -> list[bool]:
    tx.changed = bool(numbers)
    answers = [False] * count
    for number in numbers:
        answers[number - 1] = True
    return answers


def _kind(step: StepRow) -> str:
    return (EventKind.STEP_COMPLETED if step.error is None else EventKind.STEP_FAILED).value


def ask(job: str, lease: int, prompt: NewPrompt) -> Callable[[Tx], Awaitable[PromptRow]]:
    async def verb(tx: Tx) -> PromptRow:
        await hold(tx, job, lease)
        if stored := await tx.first(_PROMPT_OF_KEY, job=job, key=prompt.key):
            earlier = prompt_row(stored)
            if earlier.id != prompt.replaces:
                return earlier
            await withdraw_one(tx, job, earlier.id, prompt.key)
        deadline_at = None if prompt.timeout is None else tx.now + prompt.timeout
        await tx.fetch(
            _ASK,
            job=job,
            key=prompt.key,
            id=prompt.id,
            kind=prompt.kind,
            data=prompt.data,
            schema=prompt.schema,
            assignee=prompt.assignee,
            default=prompt.default,
            now=tx.now,
            deadline_at=deadline_at,
        )
        about = data(prompt=prompt.id, key=prompt.key, kind=prompt.kind, deadline_at=moment(deadline_at))
        await append(tx, job, EventKind.PROMPT_OPENED, about)
        asked = await tx.first(_PROMPT_OF_KEY, job=job, key=prompt.key)
        assert asked is not None, "it was opened in this transaction"
        return prompt_row(asked)

    return verb


def lease_lost(job: str, lease: int) -> LeaseLost:
    return LeaseLost(f"Job {job} is not running under lease {lease} any more.")
