"""How runs end.

Most of them simply complete, and are written all at once with what is claimed next, by `turning`. Of the others as many
as possible are; where one of a batch may not end so (it lost its lease, a cancel was requested, it suspends, it has
questions open), what was written is taken back and each is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from bide.store.base import Cancelled, Completed, Failed, Released, Retrying, Settle, Settled, Suspended
from bide.store.ends import Held, Leaving, cancelled, earlier, plainly, suspended
from bide.store.rows import json
from bide.store.sqlite.moves import leave, open_prompts, withdraw, withdraw_expired
from bide.store.sqlite.rows import inline
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_STATE = statement("settling")
_ENDED = statement("ended")
_FORGET = statement("forget_failures")
_LARGE = statement("large_result")


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
    end = plainly(one, tx.now)
    # What is large is written beside the row.
    return end if end[5] is None or inline(end[5]) else (*end[:5], None, *end[6:])


def _suspended(tx: Tx, one: Settle, outcome: Suspended) -> Leaving:
    still_open = open_prompts(tx, one.job)
    withdraw(tx, one.job, keep=outcome.awaiting)
    return suspended(one, outcome, still_open, tx.now)


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
    ended = tx.db.execute(_ENDED, {"job": one.job, "lease": one.lease}).fetchone()
    return Settled.LOST if ended is None else earlier(one, *ended)
