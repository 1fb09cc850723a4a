"""How runs end.

Most of them simply complete, and are written all at once with what is claimed next, by `turning`. Of the others as many
as possible are; where one of a batch may not end so (it lost its lease, a cancel was requested, it suspends, it has
questions open), what was written is taken back and each is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, assert_never, cast

import orjson

from bide.events import EventKind as E
from bide.store.base import Cancelled, Completed, Failed, Released, Retrying, Settle, Settled, Suspended
from bide.store.sqlite.moves import Leaving, leave, leaving, open_prompts, withdraw, withdraw_expired
from bide.store.sqlite.rows import data, inline, json
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_STATE = statement("settling")
_ENDED = statement("ended")
_FORGET = statement("forget_failures")
_LARGE = statement("large_result")

MESSAGE = 500
"""Characters of an error's message that its event shows; the row has all of it."""


class Held(NamedTuple):
    """What the database knows of a job whose run is said to have ended."""

    id: str
    status: str
    lease: int
    attempt: int
    max_attempts: int
    cancel_requested_at: int | None
    cancel_by: str | None
    cancel_reason: str | None


def settle(tx: Tx, settles: Sequence[Settle]) -> list[Settled]:
    """Write how these runs ended; the answers are in their order."""
    # A suspension depends on the job's prompts, and a cancel says who asked for it.
    looked_at = any(isinstance(one.outcome, Suspended | Cancelled) for one in settles)
    if not looked_at and _at_once(tx, settles):
        return [Settled.APPLIED] * len(settles)
    return _carefully(tx, settles)


def _at_once(tx: Tx, settles: Sequence[Settle]) -> bool:
    """Write all of these in one go, if each of them may; else none."""
    tx.db.execute("savepoint settles")
    applied = leave(tx, [_plainly(tx, one) for one in settles])
    if applied:
        write_beside(tx, settles)
    else:
        tx.db.execute("rollback to settles")
    tx.db.execute("release settles")
    return applied


def held(tx: Tx, jobs: Sequence[str]) -> dict[str, Held]:
    rows = tx.db.execute(_STATE, {"ids": json(jobs)}).fetchall()
    return {row[0]: Held(*row) for row in rows}


def cancelled(job: Held, told: str | None = None, *, elapsed: int = 0, progress: str | None = None) -> Leaving:
    """The end of a run whose cancel had been requested, whatever else it came to. `told`: what the run says of it."""
    about = data(**{**_object(told), "by": job.cancel_by, "reason": job.cancel_reason})
    return leaving(
        job.id,
        job.lease,
        "cancelled",
        E.CANCELLED,
        about,
        reason=job.cancel_reason,
        elapsed=elapsed,
        progress=progress,
    )


def failed(job: str, lease: int, error: str, reason: str, *, elapsed: int = 0, progress: str | None = None) -> Leaving:
    about = _about_failure(error, reason)
    return leaving(
        job, lease, "failed", E.FAILED, about, reason=reason, error=error, elapsed=elapsed, progress=progress
    )


def _carefully(tx: Tx, settles: Sequence[Settle]) -> list[Settled]:
    jobs = held(tx, [one.job for one in settles])
    answers: dict[tuple[str, int], Settled] = {}
    ends: list[Leaving] = []
    written: list[Settle] = []
    for one in settles:
        job = jobs.get(one.job)
        if (one.job, one.lease) in answers:
            continue  # the same twice in one call
        if job is None or job.status != "running" or job.lease != one.lease:
            answers[one.job, one.lease] = _earlier(tx, one)
        elif job.cancel_requested_at is not None:
            withdraw(tx, one.job)
            own = isinstance(one.outcome, Cancelled)
            told = one.outcome.data if isinstance(one.outcome, Cancelled) else None
            ends.append(cancelled(job, told, elapsed=one.elapsed, progress=one.progress))
            answers[one.job, one.lease] = Settled.APPLIED if own else Settled.CANCELLED
        else:
            ends.append(_prepare(tx, one))
            written.append(one)
            answers[one.job, one.lease] = Settled.APPLIED
    if ends:
        left = leave(tx, ends)
        assert left, "each of them was seen to be able to, in this transaction"
        write_beside(tx, written)
    return [answers[one.job, one.lease] for one in settles]


def _prepare(tx: Tx, one: Settle) -> Leaving:
    """Withdraw the prompts that this end leaves unanswered, and say how the run ends."""
    match one.outcome:
        case Suspended():
            return _suspended(tx, one, one.outcome)
        case Retrying():
            withdraw_expired(tx, one.job)
        case Completed() | Failed() | Cancelled():
            withdraw(tx, one.job)
        case Released():
            pass
        case _:
            assert_never(one.outcome)
    return _plainly(tx, one)


def _plainly(tx: Tx, one: Settle) -> Leaving:
    match outcome := one.outcome:
        case Completed(result, about):
            shown = result if inline(result) else None
            return (
                one.job, one.lease, "completed", "job.completed", None, shown, None, None, 0, 0, one.elapsed,
                one.progress, about,
            )  # fmt: skip
        case Failed(error, reason):
            return failed(one.job, one.lease, error, reason, elapsed=one.elapsed, progress=one.progress)
        case Retrying(error, delay):
            due_at = tx.now + delay if delay > 0 else None
            about = _about_failure(error, "retrying", due_at)
            return leaving(
                one.job,
                one.lease,
                "pending",
                E.RETRYING,
                about,
                reason="retrying",
                error=error,
                due_at=due_at,
                ready=due_at is None,
                elapsed=one.elapsed,
                progress=one.progress,
            )
        case Released():
            return leaving(
                one.job,
                one.lease,
                "pending",
                E.RELEASED,
                _about_release(outcome),
                reason="released",
                ready=True,
                continues=True,
                elapsed=one.elapsed,
                progress=one.progress,
            )
        case Cancelled(about):
            return leaving(
                one.job, one.lease, "cancelled", E.CANCELLED, about, elapsed=one.elapsed, progress=one.progress
            )
        case Suspended():
            raise AssertionError("a suspension depends on the job's prompts")
        case _:
            assert_never(outcome)


def _suspended(tx: Tx, one: Settle, outcome: Suspended) -> Leaving:
    still_open = open_prompts(tx, one.job)
    withdraw(tx, one.job, keep=outcome.awaiting)
    heard = [prompt for prompt in outcome.awaiting if prompt not in still_open]
    due = outcome.wake_at is not None and outcome.wake_at <= tx.now
    due_at: int | None = outcome.wake_at
    if heard or due or (not outcome.awaiting and due_at is None):
        status, kind, reason, due_at = "pending", E.RESUMED, "answered" if heard else "woken", None
    elif outcome.awaiting:
        status, kind, reason = "pending_hitl", E.WAITING, "waiting"
    else:
        status, kind, reason = "pending", E.SLEEPING, "sleeping"
    return leaving(
        one.job,
        one.lease,
        status,
        kind,
        data(**{**_object(outcome.data), "reason": reason, "due_at": due_at}),
        reason=reason,
        due_at=due_at,
        ready=kind is E.RESUMED,
        continues=True,
        elapsed=one.elapsed,
        progress=one.progress,
    )


def write_beside(tx: Tx, settles: Sequence[Settle]) -> None:
    """What an outcome writes beside the row of its job."""
    retried: list[str] = []
    for one in settles:
        outcome = one.outcome
        if isinstance(outcome, Completed):
            if not inline(outcome.result):
                tx.db.execute(_LARGE, {"job": one.job, "body": outcome.result})
        elif isinstance(outcome, Retrying):
            retried.append(one.job)
    if retried:
        tx.db.execute(_FORGET, {"ids": json(retried)})


def _earlier(tx: Tx, one: Settle) -> Settled:
    """Whether an earlier call, whose reply was lost, has written this very end of the run; or what did end it."""
    ended = tx.db.execute(_ENDED, {"job": one.job, "lease": one.lease}).fetchone()
    if ended is None:
        return Settled.LOST
    kind, about = ended
    if kind == E.CANCELLED:
        return Settled.APPLIED if isinstance(one.outcome, Cancelled) else Settled.CANCELLED
    match one.outcome:
        case Completed():
            same = kind == E.COMPLETED
        case Failed(error, reason):
            # Others fail a job as well, and say so differently.
            same = kind == E.FAILED and about == _about_failure(error, reason)
        case Retrying():
            same = kind == E.RETRYING
        case Released() as outcome:
            same = kind == E.RELEASED and about == _about_release(outcome)
        case Suspended():
            same = kind in (E.SLEEPING, E.WAITING, E.RESUMED)
        case Cancelled():
            same = False
        case _:
            assert_never(one.outcome)
    return Settled.APPLIED if same else Settled.LOST


def _about_release(outcome: Released) -> str:
    return data(**{**_object(outcome.data), "reason": "released"})


def _about_failure(error: str, reason: str, due_at: int | None = None) -> str:
    told = _object(error)
    message = str(told.get("message", ""))[:MESSAGE]
    return data(reason=reason, type=told.get("type"), message=message, due_at=due_at)


def _object(text: str | None) -> dict[str, Any]:
    try:
        value: object = orjson.loads(text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
