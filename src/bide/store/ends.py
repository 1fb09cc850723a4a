"""How runs end: what each outcome makes of its job, in the one form in which a store writes it. Pure.

Of those that a cancel met, of suspensions, which depend on the questions of the job, and of repeated ends too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, assert_never, cast

import orjson

from bide.events import EventKind as E
from bide.store.base import Cancelled, Completed, Failed, Released, Retrying, Settle, Settled, Suspended
from bide.store.rows import data, json, moment

MESSAGE = 500
"""Characters of an error's message that its event shows; the row has all of it."""

Leaving: TypeAlias = Sequence[Any]
"""How one run ends, as the statement of every store takes it; made by `leaving`. Positional, in the hot path."""


def leaving(
    job: str,
    lease: int,
    status: str,
    kind: E,
    about: str | None,
    *,
    reason: str | None = None,
    result: str | None = None,
    error: str | None = None,
    due_at: int | None = None,
    ready: bool = False,
    continues: bool = False,
    elapsed: int = 0,
    progress: str | None = None,
) -> Leaving:
    return (
        job, lease, status, kind.value, reason, result, error, due_at, ready, continues, elapsed, progress, about,
    )  # fmt: skip


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


def plainly(one: Settle, now: int) -> Leaving:
    """How a run ends that no cancel met, and whose job has no questions to look at."""
    match outcome := one.outcome:
        case Completed(result, about):
            return (
                one.job, one.lease, "completed", "job.completed", None, result, None, None, False, False, one.elapsed,
                one.progress, about,
            )  # fmt: skip
        case Failed(error, reason):
            return failed(one.job, one.lease, error, reason, elapsed=one.elapsed, progress=one.progress)
        case Retrying(error, delay):
            due_at = now + delay if delay > 0 else None
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


def suspended(one: Settle, outcome: Suspended, still_open: Collection[str], now: int) -> Leaving:
    """`still_open` are the ids of the job's open prompts."""
    heard = [prompt for prompt in outcome.awaiting if prompt not in still_open]
    due = outcome.wake_at is not None and outcome.wake_at <= now
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
        data(**{**_object(outcome.data), "reason": reason, "due_at": moment(due_at)}),
        reason=reason,
        due_at=due_at,
        ready=kind is E.RESUMED,
        continues=True,
        elapsed=one.elapsed,
        progress=one.progress,
    )


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


def given_back(job: Held, why: str, executed: Mapping[str, int]) -> Leaving:
    """The end of a run that its worker no longer knows."""
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


class Why(NamedTuple):
    """Why a job is taken back: the reason where an attempt is left, and where none is, with the error."""

    pending: str
    failed: str
    error: str


LOST = Why("rescued", "worker_lost", json({"type": "WorkerLost", "message": "The worker that ran this job was lost."}))
LATE = Why(
    "timeout",
    "timeout",
    json({"type": "JobTimedOut", "message": "The worker that ran this job did not end it within its timeout."}),
)


def taken_back(job: Held, why: Why) -> Leaving:
    """The end of a run that its worker did not bring about."""
    if job.attempt >= job.max_attempts:
        return failed(job.id, job.lease, why.error, why.failed)
    about = data(reason=why.pending)
    return leaving(job.id, job.lease, "pending", E.RESCUED, about, reason=why.pending, ready=True)


def earlier(one: Settle, kind: str, about: str | None) -> Settled:
    """What a repeated call is told of a run that ended with this event: whether an earlier call, whose reply was lost,
    has written this very end of it."""
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
    return data(reason=reason, type=told.get("type"), message=message, due_at=moment(due_at))


def _object(text: str | None) -> dict[str, Any]:
    try:
        value: object = orjson.loads(text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
