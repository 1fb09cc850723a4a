"""The moves that several verbs share: each changes a row and writes the event of that change, under one number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bide.events import EventKind
from bide.store.ends import Leaving
from bide.store.rows import data, json
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_APPEND = statement("append_event")
_NEXT_SEQ = statement("next_seq")
_RESUME = statement("resume")
_CANCEL_NOW = statement("cancel_now")
_CANCEL_REQUEST = statement("cancel_request")
_WITHDRAW = statement("withdraw")
_OPEN = statement("open_prompts")
_EXPIRED = statement("expired_prompts")
_LEAVE = statement("leave")
_LEFT_PROGRESS = statement("left_progress")
_LEFT = statement("left")
_FREED = statement("freed")
_STIRRED = statement("stirred")


def leave(tx: Tx, rows: Sequence[Leaving]) -> bool:
    """Let these runs end, with their events, if each of them may; else False, and what was done is to be undone."""
    text = json(rows)
    parameters = {"rows": text, "now": tx.now}
    if tx.db.execute(_LEAVE, parameters).rowcount != len(rows):
        return False
    if any(row[11] is not None for row in rows):
        tx.db.execute(_LEFT_PROGRESS, parameters)
    tx.db.execute(_LEFT, parameters)
    tx.db.execute(_FREED, parameters)
    tx.changed = True
    tx.ready = tx.ready or any(row[8] for row in rows)
    return True


def append(tx: Tx, job: str, kind: EventKind, about: str | None) -> None:
    """An event that moves nothing."""
    tx.db.execute(_NEXT_SEQ, {"job": job})
    _tell(tx, job, kind, about)


def resume(tx: Tx, job: str, reason: str) -> None:
    """Send a job that waits or sleeps back to the queue; one that does neither stays as it is."""
    if tx.db.execute(_RESUME, {"job": job, "reason": reason}).rowcount:
        _tell(tx, job, EventKind.RESUMED, data(reason=reason))
        stirred(tx, [job])
        tx.ready = True


def stirred(tx: Tx, jobs: Sequence[str]) -> None:
    """Have the lanes of these jobs looked at, which have become ready."""
    tx.db.execute(_STIRRED, {"ids": json(jobs)})


def cancel(tx: Tx, job: str, by: str | None, reason: str | None) -> None:
    """Cancel at once where nothing runs, else request it; once."""
    parameters = {"job": job, "by": by, "reason": reason, "now": tx.now}
    if tx.db.execute(_CANCEL_REQUEST, parameters).rowcount:
        _tell(tx, job, EventKind.CANCEL_REQUESTED, data(by=by, reason=reason))
        tx.cancel = True
        return
    withdraw(tx, job)
    if tx.db.execute(_CANCEL_NOW, parameters).rowcount:
        _tell(tx, job, EventKind.CANCELLED, data(by=by, reason=reason))


def withdraw(tx: Tx, job: str, *, keep: Collection[str] = ()) -> None:
    """Withdraw the open prompts of a job, but for these."""
    _withdraw(tx, job, [row for row in _prompts(tx, _OPEN, job) if row[0] not in keep])


def withdraw_expired(tx: Tx, job: str) -> None:
    """Withdraw those that expired without a default, so that another attempt asks anew."""
    _withdraw(tx, job, _prompts(tx, _EXPIRED, job))


def open_prompts(tx: Tx, job: str) -> set[str]:
    return {row[0] for row in _prompts(tx, _OPEN, job)}


def _prompts(tx: Tx, query: str, job: str) -> list[tuple[str, str]]:
    return tx.db.execute(query, {"job": job}).fetchall()


def _withdraw(tx: Tx, job: str, prompts: Iterable[tuple[str, str]]) -> None:
    for prompt, key in prompts:
        withdraw_one(tx, job, prompt, key)


def withdraw_one(tx: Tx, job: str, prompt: str, key: str) -> None:
    tx.db.execute(_WITHDRAW, {"prompt": prompt, "now": tx.now})
    append(tx, job, EventKind.PROMPT_WITHDRAWN, data(prompt=prompt, key=key))


def _tell(tx: Tx, job: str, kind: EventKind, about: str | None) -> None:
    tx.db.execute(_APPEND, {"job": job, "now": tx.now, "kind": kind.value, "data": about})
    tx.changed = True
