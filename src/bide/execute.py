"""From a claim to an outcome: decode the input, call the function, encode the result, judge the error."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from bide.codec import encode, escape
from bide.context import JobContext, enter_run
from bide.errors import BideError, InvalidPayload, JobTimedOut, StepFailed
from bide.job_type import Definition
from bide.retry import GiveUp, RetryAfter, decide
from bide.run import Ending, Host, Run
from bide.store.base import Cancelled, Claim, Completed, Failed, Outcome, Released, Retrying, Settle
from bide.thread import in_thread

log = logging.getLogger("bide.execute")

TRACEBACK_LIMIT = 8_000
MESSAGE_LIMIT = 2_000

Ended = Callable[[Run, Settle | None], None]
"""Called once when a run is over; without a settle where the lease is lost, so nothing may be written."""


def execute(claim: Claim, definition: Definition, host: Host, loop: asyncio.AbstractEventLoop, ended: Ended) -> Run:
    """Start a run of `claim` as one task of `loop`."""
    run = Run(claim, host, definition, loop, lambda run: _abandoned(run, ended))
    run.root = loop.create_task(_main(run, ended))
    return run


async def _main(run: Run, ended: Ended) -> None:
    enter_run(run)
    run.begun = True
    try:
        outcome = _ended_from_outside(run) if run.ending else await _outcome(run)
    except BaseException as error:
        log.exception("how job %s ended could not be told", run.claim.id)
        outcome = Failed(encode({"type": type(error).__name__, "message": "how the job ended could not be told"}))
    if run.replaying and run.ending is None:
        # The function came to its end: what it said last, it said after all that it remembers.
        run.catch_up()
    if run.noting:
        await run.noted()
    _end(run, outcome, ended)


async def _outcome(run: Run) -> Outcome | None:
    try:
        value = await _call(run)
    except asyncio.CancelledError as error:
        return _ended_from_outside(run) if run.ending else _interrupted(run, error)
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt and SystemExit too: the job fails, the worker lives
        return _ended_from_outside(run, error) if run.ending else _failed(run, error)
    return _ended_from_outside(run, returned=True) if run.ending else _returned(run, value)


_ABANDONED: set[asyncio.Task[None]] = set()
"""Held here until they end. An event loop holds its tasks weakly: one that waits for what nobody else holds would be
collected in whatever thread that happens, and code that swallows GeneratorExit too would then run on in that thread."""


def abandoned() -> int:
    """How many runs of this process were abandoned and go on nevertheless."""
    return len(_ABANDONED)


def _abandoned(run: Run, ended: Ended) -> None:
    if run.root is not None:
        _ABANDONED.add(run.root)
        run.root.add_done_callback(_ABANDONED.discard)
    log.warning("job %s (%s) swallows every cancellation and was abandoned", run.claim.id, run.claim.type)
    _end(run, _ended_from_outside(run, abandoned=True), ended)


def _end(run: Run, outcome: Outcome | None, ended: Ended) -> None:
    if run.closed:
        return
    progress = run.meter.unwritten() if run.meter is not None else None
    run.close()
    claim = run.claim
    ended(run, None if outcome is None else Settle(claim.id, claim.lease, run.elapsed, outcome, progress))


async def _call(run: Run) -> Any:
    definition = run.definition
    try:
        args, kwargs = definition.input.decode(run.claim.input)
    except InvalidPayload as error:
        # Nothing of it runs yet: what has to be told to end is only this.
        run.suspend([await run.deferral(f"the job's input no longer fits its signature: {error}")])
        raise asyncio.CancelledError from error
    ctx: JobContext[Any] = JobContext(run)
    if definition.is_async:
        return await definition.fn(ctx, *args, **kwargs)
    return await in_thread(f"bide-{run.claim.type}", lambda: definition.fn(ctx, *args, **kwargs))


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _returned(run: Run, value: Any) -> Outcome:
    codec = run.definition.result
    try:
        text = "null" if value is None and codec.takes_none else codec.encode(value)
    except InvalidPayload as error:
        # Not retried: the same code would return the same value, after the same costs.
        return Failed(_error(error), "invalid_result")
    if run.claim.recall is None:
        return Completed(text)
    unvisited = sorted({name for name, _ in run.steps.keys() - run.doings.visited})
    return Completed(text, encode({"unvisited": unvisited[:50]}) if unvisited else None)


def _ended_from_outside(
    run: Run,
    error: BaseException | None = None,
    *,
    returned: bool = False,
    abandoned: bool = False,
) -> Outcome | None:
    """The outcome of a run that was told to end, whatever its code made of it; that is noted for the audit."""
    audit: dict[str, Any] = {}
    # Of all the times it was told, only the last may have been heard; and not even that, where it returned.
    swallowed = run.deliveries if returned or abandoned else run.deliveries - 1
    if swallowed > 0:
        audit["swallowed"] = swallowed
    if abandoned:
        audit["abandoned"] = True
    elif error is not None and not run.threaded:
        audit["raised"] = type(error).__name__
    match run.ending:
        case Ending.SUSPEND:
            suspension = run.suspension
            assert suspension is not None, "a run is only suspended with what it waits for"
            if suspension.data is not None:
                audit = {**orjson.loads(suspension.data), **audit}
            return replace(suspension, data=_data(audit))
        case Ending.CANCEL:
            return Cancelled(_data(audit))
        case Ending.TIMEOUT:
            return _failed(run, JobTimedOut("The attempt ran past the job's timeout."), "timeout")
        case Ending.RELEASE:
            return Released(_data(audit))
        case _:
            return None


def _interrupted(run: Run, error: asyncio.CancelledError) -> Outcome:
    if run.host.stopping:
        return Released()
    return _failed(run, error)


def _failed(run: Run, error: BaseException, reason: str = "error") -> Outcome:
    claim = run.claim
    judged = error
    if isinstance(error, StepFailed):
        if error.final:
            return Failed(_error(error), reason)
        judged = error.__cause__ or error
    # How often is the job's own: the code's limit may be another than when it was accepted.
    policy = replace(run.definition.retry, max_attempts=claim.max_attempts)
    verdict = decide(policy, judged, claim.attempt, random=random.random)
    match verdict:
        case RetryAfter(delay):
            return Retrying(_error(error), round(delay * 1_000_000))
        case GiveUp():
            return Failed(_error(error), reason)


def _error(error: BaseException) -> str:
    """The JSON text of a `JobError`. What an exception's own code breaks does not break this."""
    try:
        message = str(error)
    except BaseException as failing:  # noqa: BLE001 - the first error is the one to tell of
        message = f"<its __str__ raised {type(failing).__name__}>"
    told = {"type": type(error).__name__, "message": escape(message, MESSAGE_LIMIT)}
    if not isinstance(error, BideError) or error.__cause__ is not None:
        told["traceback"] = escape(_trace(error)[-TRACEBACK_LIMIT:])
    return encode(told)


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException as failing:  # noqa: BLE001 - it reads attributes of the error, which are anybody's code
        return f"<no traceback: formatting it raised {type(failing).__name__}>"


def _data(audit: dict[str, Any]) -> str | None:
    return encode(audit) if audit else None
