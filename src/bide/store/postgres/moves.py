"""The moves that several verbs share: each changes a row and writes the event of that change, under one number.

The verb holds the row of the job: whatever is decided here stays true until it commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bide.events import EventKind
from bide.store.ends import Leaving
from bide.store.postgres.database import Tx
from bide.store.postgres.rows import shared
from bide.store.postgres.sql import statement
from bide.store.rows import data

_APPEND = statement("append_event")
_NEXT_SEQ = statement("next_seq")
_RESUME = statement("resume")
_CANCEL_NOW = statement("cancel_now")
_CANCEL_REQUEST = statement("cancel_request")
_WITHDRAW = statement("withdraw")
_OPEN = statement("open_prompts")
_EXPIRED = statement("expired_prompts")
_LEAVE = statement("leave")
_LOCK_FREE = statement("lock_free")

LEAVING = (
    "jobs", "leases", "statuses", "kinds", "reasons", "results", "errors", "due_ats", "ready", "continues", "elapsed",
    "progress", "data",
)  # fmt: skip
"""What a statement calls the columns of `Leaving`."""


def columns(rows: Sequence[Leaving]) -> dict[str, Sequence[object]]:
    """The parameters of a statement that lets runs end."""
    if not rows:
        return dict.fromkeys(LEAVING, ())
    jobs, *others = zip(*rows, strict=True)
    return dict(zip(LEAVING, (jobs, *map(shared, others)), strict=True))


async def leave(tx: Tx, rows: Sequence[Leaving]) -> None:
    """Let these runs end, with their events. The verb holds their rows, and has seen that each of them may."""
    left = await tx.fetch(_LEAVE, now=tx.now, **columns(rows))
    assert len(left) == len(rows), "each of them was seen to be able to, in this transaction"
    tx.changed = True
    tx.ready = tx.ready or any(row[8] for row in rows) or any(row[1] for row in left)


async def hold(tx: Tx, jobs: Collection[str]) -> set[str]:
    """Take the rows of these jobs that nobody else holds, until the end of the transaction; returns whose they are."""
    return {row[0] for row in await tx.fetch(_LOCK_FREE, ids=list(jobs))}


async def append(tx: Tx, job: str, kind: EventKind, about: str | None) -> None:
    """An event that moves nothing."""
    await tx.fetch(_NEXT_SEQ, job=job)
    await _tell(tx, job, kind, about)


async def resume(tx: Tx, job: str, reason: str) -> None:
    """Send a job that waits or sleeps back to the queue; one that does neither stays as it is."""
    if await tx.fetch(_RESUME, job=job, reason=reason):
        await _tell(tx, job, EventKind.RESUMED, data(reason=reason))
        tx.ready = True


async def cancel(tx: Tx, job: str, by: str | None, reason: str | None) -> None:
    """Cancel at once where nothing runs, else request it; once."""
    if await tx.fetch(_CANCEL_REQUEST, job=job, by=by, reason=reason, now=tx.now):
        await _tell(tx, job, EventKind.CANCEL_REQUESTED, data(by=by, reason=reason))
        tx.cancel = True
        return
    await withdraw(tx, job)
    if await tx.fetch(_CANCEL_NOW, job=job, reason=reason, now=tx.now):
        await _tell(tx, job, EventKind.CANCELLED, data(by=by, reason=reason))


async def withdraw(tx: Tx, job: str, *, keep: Collection[str] = ()) -> None:
    """Withdraw the open prompts of a job, but for these."""
    await withdraw_these(tx, job, (await open_prompts(tx, [job])).get(job, {}), keep=keep)


async def withdraw_these(tx: Tx, job: str, prompts: Mapping[str, str], *, keep: Collection[str] = ()) -> None:
    """Withdraw these prompts of a job, keys by ids, but for some."""
    for prompt, key in prompts.items():
        if prompt not in keep:
            await withdraw_one(tx, job, prompt, key)


async def withdraw_expired(tx: Tx, job: str) -> None:
    """Withdraw those that expired without a default, so that another attempt asks anew."""
    await withdraw_these(tx, job, {row[0]: row[1] for row in await tx.fetch(_EXPIRED, job=job)})


async def open_prompts(tx: Tx, jobs: Collection[str]) -> Mapping[str, Mapping[str, str]]:
    """Of those of these jobs that have some: the keys of their open prompts, by id."""
    found: dict[str, dict[str, str]] = {}
    for job, prompt, key in await tx.fetch(_OPEN, jobs=list(jobs)):
        found.setdefault(job, {})[prompt] = key
    return found


async def withdraw_one(tx: Tx, job: str, prompt: str, key: str) -> None:
    await tx.fetch(_WITHDRAW, prompt=prompt, now=tx.now)
    await append(tx, job, EventKind.PROMPT_WITHDRAWN, data(prompt=prompt, key=key))


async def _tell(tx: Tx, job: str, kind: EventKind, about: str | None) -> None:
    await tx.announce()
    await tx.fetch(_APPEND, job=job, now=tx.now, kind=kind.value, data=about)
    tx.changed = True
