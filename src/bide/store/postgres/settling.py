"""How runs end, and what is claimed next: a turn of a worker's pump.

Most runs end in the one statement that claims, too. Where one may not (it lost its lease, a cancel was requested, it
suspends, it has questions open, another transaction holds its row), it is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import TypeAlias, assert_never

from bide.batch import MAX_BYTES
from bide.store.base import Cancelled, Claim, Completed, Demand, Failed, Released, Retrying, Settle, Settled, Suspended
from bide.store.ends import Held, Leaving, cancelled, earlier, plainly, suspended
from bide.store.postgres.claiming import recalls
from bide.store.postgres.database import Database, Tx
from bide.store.postgres.moves import columns, hold, leave, open_prompts, withdraw_expired, withdraw_these
from bide.store.postgres.sql import statement
from bide.store.rows import data, json, told

_STATE = statement("settling")
_ENDED = statement("ended")
_TURN = statement("turn")

Answers: TypeAlias = dict[tuple[str, int], Settled]
"""By job and lease."""


async def turn(
    database: Database, worker: str, settles: Sequence[Settle], demands: Sequence[Demand], at_work: Callable[[], None]
) -> tuple[Sequence[Settled], Sequence[Claim]]:
    # A suspension depends on the job's prompts, and a cancel says who asked for it.
    looked_at = [one for one in settles if isinstance(one.outcome, Suspended | Cancelled)]
    plain = {(one.job, one.lease): one for one in settles if not isinstance(one.outcome, Suspended | Cancelled)}
    answers: Answers = {}

    async def verb(tx: Tx) -> Sequence[Claim]:
        answers.clear()  # of a run that was taken back
        # First what may be claimed again at once.
        answers.update(await _carefully(tx, looked_at) if looked_at else {})
        left, claims = await _at_once(tx, worker, list(plain.values()), demands, at_work)
        answers.update(dict.fromkeys(left & plain.keys(), Settled.APPLIED))
        return claims

    claims = await database.batch(verb, single=not looked_at)
    rest = _unanswered(settles, answers)
    if rest:
        answers.update(await database.batch(lambda tx: _carefully(tx, rest), single=False))
    again = [claim.id for claim in claims if claim.lease > 1]
    if again:
        # The first claim of a job has lease 1, unless it is a fork: of all others there may be something to remember.
        # Not by the pool: what is claimed must begin, however many others want to read.
        remembered = await database.batch(lambda tx: recalls(tx, again))
        claims = [claim._replace(recall=remembered.get(claim.id)) for claim in claims]
    return [answers.get((one.job, one.lease), Settled.HELD) for one in settles], claims


async def _at_once(
    tx: Tx, worker: str, settles: Sequence[Settle], demands: Sequence[Demand], at_work: Callable[[], None]
) -> tuple[Set[tuple[str, int]], Sequence[Claim]]:
    """Let those runs end that may, and claim. Returns the job and the lease of each that ended."""
    ends = [plainly(one, tx.now) for one in settles]
    wanted = [
        {"queues": list(dict.fromkeys(demand.queues)), "types": demand.types, "limit": demand.limit}
        for demand in demands
        if demand.limit > 0 and demand.queues and demand.types
    ]
    if not ends and not wanted:
        return frozenset(), ()
    at_work()
    rows = await tx.fetch(
        _TURN,
        now=tx.now,
        worker=worker,
        started=data(worker=worker),
        demands=json(wanted),
        limits=_limits(demands),
        enough=MAX_BYTES,
        **columns(ends),
    )
    left = {(row[0], row[5]) for row in rows if row[1] is None and row[0] is not None}
    claims = [Claim._make((*row, None)) for row in rows if row[1] is not None]
    tx.changed = tx.changed or bool(left)
    tx.begun = bool(claims)
    more = any(row[0] is None for row in rows)
    tx.ready = tx.ready or more or any(end[8] and (end[0], end[1]) in left for end in ends)
    return left, claims


def _limits(demands: Sequence[Demand]) -> str:
    queues = {queue: told(limit) for demand in demands for queue, limit in demand.queue_limits.items()}
    types = {kind: told(limit) for demand in demands for kind, limit in demand.type_limits.items()}
    return json({"queues": queues, "types": types})


def _unanswered(settles: Sequence[Settle], answers: Answers) -> Sequence[Settle]:
    return list({(one.job, one.lease): one for one in settles if (one.job, one.lease) not in answers}.values())


async def held(tx: Tx, jobs: Collection[str]) -> dict[str, Held]:
    rows = await tx.fetch(_STATE, ids=list(jobs))
    return {row[0]: Held(*row) for row in rows}


async def _carefully(tx: Tx, settles: Sequence[Settle]) -> Answers:
    """Write how these runs ended, but for those whose rows others hold."""
    ids = {one.job for one in settles}
    mine = await hold(tx, ids)
    jobs = await held(tx, ids)
    asked = await open_prompts(tx, mine)
    answers: Answers = {}
    ends: list[Leaving] = []
    for one in settles:
        job = jobs.get(one.job)
        if (one.job, one.lease) in answers:
            continue  # the same twice in one call
        if job is None or (job.id in mine and (job.status != "running" or job.lease != one.lease)):
            answers[one.job, one.lease] = await _earlier(tx, one)
        elif job.id not in mine:
            continue
        elif job.cancel_requested_at is not None:
            await withdraw_these(tx, one.job, asked.get(one.job, {}))
            own = isinstance(one.outcome, Cancelled)
            told = one.outcome.data if isinstance(one.outcome, Cancelled) else None
            ends.append(cancelled(job, told, elapsed=one.elapsed, progress=one.progress))
            answers[one.job, one.lease] = Settled.APPLIED if own else Settled.CANCELLED
        else:
            ends.append(await _prepare(tx, one, asked.get(one.job, {})))
            answers[one.job, one.lease] = Settled.APPLIED
    if ends:
        await leave(tx, ends)
    return answers


async def _prepare(tx: Tx, one: Settle, still_open: Mapping[str, str]) -> Leaving:
    """Withdraw the prompts that this end leaves unanswered, and say how the run ends."""
    match outcome := one.outcome:
        case Suspended():
            await withdraw_these(tx, one.job, still_open, keep=outcome.awaiting)
            return suspended(one, outcome, still_open, tx.now)
        case Retrying():
            await withdraw_expired(tx, one.job)
        case Completed() | Failed() | Cancelled():
            await withdraw_these(tx, one.job, still_open)
        case Released():
            pass
        case _:
            assert_never(outcome)
    return plainly(one, tx.now)


async def _earlier(tx: Tx, one: Settle) -> Settled:
    ended = await tx.first(_ENDED, job=one.job, lease=one.lease)
    return Settled.LOST if ended is None else earlier(one, ended[0], ended[1])
