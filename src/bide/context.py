"""`JobContext`: what a job can do. Each verb is remembered, so a job that runs again repeats nothing.

Steps, sleeps and questions are known by (name, key), never by their place in the code: a run that replays gets from the
store what an earlier run of the same job recorded, and goes on where that one ended.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import sys
import typing
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, cast, overload
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import uuid_utils.compat
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from typing_extensions import TypeVar as TypeVarWithDefault

from bide.clock import instant
from bide.codec import Codec, codec_for, digest, encode, escape
from bide.errors import (
    InvalidOption,
    InvalidPayload,
    JobEnded,
    LeaseLost,
    NestedStep,
    NotFound,
    PromptTimedOut,
    StepFailed,
    UnusableConnection,
)
from bide.events import EventKind
from bide.hitl import Callback, Prompt, Response
from bide.progress import Meter, StageScope
from bide.retry import GiveUp, RetryAfter, RetryPolicy, decide
from bide.run import ASK, OWN, Ending, Parked, Run
from bide.schedule import Duration, seconds
from bide.store.base import Fact, Joined, NewPrompt, PromptRow, StepRow
from bide.thread import STEP_THREADS, calling, in_thread

log = logging.getLogger("bide.context")

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")
M = TypeVar("M", bound=BaseModel)
D_co = TypeVarWithDefault("D_co", covariant=True, default=object)

Key: TypeAlias = str | int | UUID

KEY_LIMIT = 200

OPEN_PROMPTS = 100
"""Questions of one job that are open at once, at most: people cannot answer more, and a page shows all of them."""

PIECE = 64 * 1024
"""Characters of output that one event tells at most."""


class _Missing:
    """The type of the default that was not given."""


_MISSING = _Missing()


@dataclass(slots=True)
class Step:
    """The step being executed: what `bide.current_step()` returns inside it."""

    run: Run
    name: str
    key: str
    attempt: int
    children: int = 0
    emitted: bool = False
    held: list[Fact] | None = None
    """What it emits, where that is written in one transaction with its result."""
    _pieces: deque[str] = field(default_factory=deque[str])
    _written: asyncio.Future[bool] | None = None

    @property
    def idempotency_key(self) -> str:
        """The same for every execution of this step, of whatever attempt: hand it to the service you call."""
        return f"{self.run.claim.id}:{self.name}:{self.key}"

    def emit(self, text: str) -> None:
        """Append to the job's output: ordered, durable, and not repeated by a replay. May be called from any thread.

        When a step that has emitted runs again, readers first see an `output.reset` for it. A long text is told in
        several events.
        """
        if self.run.closed:
            raise JobEnded("This job's run has ended: its step emits no more.")
        self.run.loop.call_soon_threadsafe(self._append, escape(text))

    def child_key(self) -> str:
        """The idempotency key of the next job that this step enqueues."""
        self.children += 1
        return f"{self.idempotency_key}:{self.children}"

    def _append(self, text: str) -> None:
        if self.run.closed:
            return
        self.emitted = True
        self._pieces.extend(text[at : at + PIECE] for at in range(0, len(text), PIECE))
        if self.held is None and (self._written is None or self._written.done()):
            self._flush()

    def _flush(self) -> None:
        # Tokens that arrive while a write is in flight travel together in the next one.
        together: list[str] = []
        room = PIECE
        while self._pieces and len(self._pieces[0]) <= room:
            piece = self._pieces.popleft()
            room -= len(piece)
            together.append(piece)
        if together:
            self._put(EventKind.OUTPUT, {"text": "".join(together)})

    def take_back(self) -> None:
        """Tell readers that what an earlier run or try of this step has emitted does not count."""
        self._put(EventKind.OUTPUT_RESET, {})

    def _put(self, kind: EventKind, data: dict[str, Any]) -> None:
        claim = self.run.claim
        fact = Fact(claim.id, claim.lease, kind, encode({"step": self.name, "key": self.key, **data}))
        if self.held is not None:
            self.held.append(fact)
            return
        self._written = self.run.note(fact)
        self._written.add_done_callback(lambda _: self._flush())

    async def kept(self) -> list[Fact]:
        """All that it has emitted, of a step that holds it."""
        assert self.held is not None, "asked of a step whose output goes out as it comes"
        await asyncio.sleep(0)  # what was handed over by call_soon comes first
        while self._pieces:
            self._flush()
        return self.held

    async def flushed(self) -> None:
        # Twice round the loop: what was handed over by call_soon comes first.
        await asyncio.sleep(0)
        while self._pieces or (self._written is not None and not self._written.done()):
            if self._written is not None:
                await asyncio.wait([self._written])
            await asyncio.sleep(0)


_current: ContextVar[Step | None] = ContextVar("bide_step", default=None)
_running: ContextVar[Run | None] = ContextVar("bide_run", default=None)


def current_step() -> Step:
    """The step this code runs in: its `idempotency_key`, its `attempt` (1-based) and `emit`.

    Raises LookupError outside a step.
    """
    step = _current.get()
    if step is None:
        raise LookupError("This code does not run inside a step: call it through ctx.step(…).")
    return step


@dataclass(frozen=True, slots=True)
class Origin:
    """From where inside a job something is enqueued: `key` is None outside a step."""

    parent: str
    owner: str
    key: str | None


def origin() -> Origin | None:
    """Where the calling code runs, if inside a job. Taking it inside a step numbers the step's next child."""
    step = _current.get()
    if step is not None:
        return Origin(step.run.claim.id, step.run.claim.owner, step.child_key())
    run = _running.get()
    return Origin(run.claim.id, run.claim.owner, None) if run is not None else None


def inside_job() -> bool:
    """Whether the calling code runs inside a job."""
    return _running.get() is not None


def enter_run(run: Run) -> None:
    """From here on, in this task and what it starts, code runs inside this job."""
    _running.set(run)


@dataclass(frozen=True, slots=True)
class _Options:
    key: str = ""
    name: str | None = None
    retry: RetryPolicy = RetryPolicy()  # noqa: RUF009 - frozen
    timeout: float | None = None
    returns: object = _MISSING
    on: object = None


class Scope:
    """Where steps run: the context itself, or `ctx.options(…)`."""

    __slots__ = ("_options", "_run")

    def __init__(self, run: Run, options: _Options) -> None:
        self._run = run
        self._options = options

    @overload
    async def step(self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def step(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def step(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call `fn` once, remember what it returned, and return that; a run that replays gets it without a call.

        The step is known by the function's name and `ctx.options(key=…)`; a repeat needs a key. The result is encoded
        by the return annotation, read back, and that is returned, on the first run too. A `def` function runs in a
        thread. An effect may happen again if the process dies before it is recorded: `current_step().idempotency_key`
        is then the same.

        Raises StepFailed when it failed for good, live or replayed; NestedStep inside a step; DuplicateStep for a
        repeated key; UnencodableType before anything happens.
        """
        return await _step(self._run, self._options, fn, args, kwargs)


class JobContext(Scope, Generic[D_co]):
    """The first argument of every job: progress, steps, questions, sleeping, and the worker's dependencies."""

    __slots__ = ()

    def __init__(self, run: Run) -> None:
        super().__init__(run, _DEFAULTS)

    # ── The job ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def job_id(self) -> UUID:
        return UUID(self._run.claim.id)

    @property
    def attempt(self) -> int:
        """1-based. Resuming after a person or a sleep spends none; a retry and a rescue do."""
        return self._run.claim.attempt

    @property
    def owner(self) -> str:
        return self._run.claim.owner

    @property
    def deps(self) -> D_co:
        """What `Bide(url, deps=…)` opened in this process."""
        return cast("D_co", self._run.host.deps)

    # ── Telling ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def progress(self, percent: float, message: str | None = None) -> None:
        """Show `percent` (0–100, clamped) of the job, or of the current stage, and a message of at most 500 characters.

        It never falls within an attempt, stands still while the run replays or is ended from outside, and is written at
        most twice a second; the last value is always written. Raises JobEnded once the run has ended.
        """
        self._open()
        self._meter().set(percent, message)

    def stage(self, name: str, low: float, high: float) -> AbstractContextManager[StageScope]:
        """`with ctx.stage("Drafting", 30, 60) as stage:` progress inside fills `low`–`high` percent of what is around.

        Stages nest. `stage.item(i, n, message)` shows item i of n.
        """
        self._open()
        return self._meter().stage(name, low, high)

    def emit(self, text: str) -> None:
        """Append to the job's output from inside a step: tokens, say. See `Step.emit`. Raises LookupError elsewhere."""
        current_step().emit(text)

    def log(self, message: str, **fields: Any) -> None:
        """Write a line into the job's history. What an earlier run said is not written again by one that replays, and
        what is said while the job is suspended or given back is not written; in the clean-up after a cancel, it is.
        """
        self._open()
        run = self._run
        line = Fact(run.claim.id, run.claim.lease, EventKind.LOG, _log_line(message, fields))
        if _on(run.loop):
            run.say(line)  # now: the function may return before the loop comes to a call it was handed
        else:
            run.loop.call_soon_threadsafe(run.say, line)

    @property
    def cancelled(self) -> bool:
        """Whether this run was told to end: cancelled, out of time, released, or its lease lost."""
        return self._run.ending is not None and self._run.ending is not Ending.SUSPEND

    def check_cancelled(self) -> None:
        """Call it now and then in a `def` job: raises JobCancelled (JobTimedOut, LeaseLost) once the run must end."""
        if self._run.ending is not None:
            raise self._run.exit_of_thread()

    # ── Remembering ──────────────────────────────────────────────────────────────────────────────────────────────────

    def options(
        self,
        *,
        key: Key = "",
        name: str | None = None,
        max_attempts: int = 1,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        returns: Any = _MISSING,
        on: object = None,
    ) -> Scope:
        """Options for one step: `await ctx.options(key=n, max_attempts=3, timeout="30s").step(fn, …)`.

        key: tells repeats of one function apart. name: instead of the function's name, to keep that of a step whose
        function was renamed. max_attempts, retry: tries within this run, with backoff. timeout: of each try. returns:
        the type to encode by, instead of the return annotation.

        on: a session or a connection on the database of the jobs, as for `JobType.options`, with no transaction open.
        What the step writes on it happens exactly once, together with the step's result. **Bide begins and commits**:
        it begins a transaction before each try, where none has begun by itself; when `fn` has returned, it records the
        result on the same connection, if this run still has the job's lease, and commits. So `fn` does not commit.
        Where it fails, or the lease is lost, all of it is rolled back, and the failure is recorded as always. What `fn`
        emits is seen with the result. In SQLite nobody else can write meanwhile, so keep it short; in PostgreSQL use
        READ COMMITTED, the default, or expect serialization failures, and give `max_attempts`. A `def` step has the
        connection until its thread ends: past its timeout, or told to end, it is waited for, then all is rolled back.
        So bound its statements too (`statement_timeout`).
        """
        if retry is not None and max_attempts != 1:
            raise InvalidOption("Give max_attempts or retry, not both: a RetryPolicy has its own max_attempts.")
        return Scope(
            self._run,
            _Options(
                key=_key(key),
                name=None if name is None else _not_reserved(_key(name)),
                retry=retry or (_DEFAULTS.retry if max_attempts == 1 else RetryPolicy(max_attempts=max_attempts)),
                timeout=None if timeout is None else seconds(timeout),
                returns=returns,
                on=on,
            ),
        )

    async def now(self, key: Key = "") -> datetime:
        """The time of this call when it first ran."""
        return cast("datetime", await self._own("now", key, _now, self._run))

    async def uuid(self, key: Key = "") -> UUID:
        """A UUID (version 7), the same in every run."""
        return cast("UUID", await self._own("uuid", key, _uuid))

    async def random(self, key: Key = "") -> float:
        """A number from [0, 1), the same in every run. Not for secrets."""
        return cast("float", await self._own("random", key, _random))

    # ── Waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def sleep(self, duration: Duration, *, key: Key = "") -> None:
        """Wait, durably, holding no worker. A repeat needs a key. The deadline is set when it is first reached."""
        run = self._run
        await run.enter()
        _not_nested("sleep")
        step = (f"{OWN}sleep", _key(key))
        run.visit(*step)
        row = run.steps.get(step)
        if row is None or row.result is None:
            deadline = run.host.store.now() + round(seconds(duration) * 1_000_000)
            row = StepRow(name=step[0], key=step[1], result=str(deadline), error=None)
            await _record(run, row, {"until": deadline})
        deadline = int(cast("str", row.result))
        if run.host.store.now() < deadline:
            await run.park(Parked(wake_at=deadline))

    async def ask(
        self,
        key: Key,
        prompt: Prompt[A],
        /,
        *,
        timeout: Duration | None = None,
        default: A | _Missing = _MISSING,
        assignee: str | None = None,
    ) -> A:
        """Ask a person, and return the answer; meanwhile no worker is held, and the code re-runs from the top after.

        key: names the question in this job, and must differ from every other. timeout: how long it stays open, for
        ever unless given; after it `default`, or PromptTimedOut. The stored question wins over a changed one.

        Raises InvalidOption where more than 100 questions of the job would be open at once.
        """
        run = self._run
        await run.enter()
        _not_nested("ask")
        name = _key(key)
        if not name:
            raise InvalidOption("A question needs a key that is not empty.")
        run.visit(ASK, name)
        codec = codec_for(prompt.answer_type)
        row = run.prompts.get(name)
        if row is None:
            row = await _open(run, name, prompt, codec, timeout, default, assignee)
        if row.response is not None and row.response.value is not None:
            try:
                return cast("A", codec.decode(row.response.value))
            except InvalidPayload as refused:
                if row.schema != encode(prompt.narrow(codec.schema())):
                    await run.defer(f"the answer to {name!r} no longer fits its declared type: {refused}")
                # It fits the schema, but not the validators of the model, which no other process need know: ask again.
                row = await _open(run, name, prompt, codec, timeout, default, assignee, refused=(row.id, refused))
        if row.status == "expired":
            raise PromptTimedOut(name)
        await run.park(Parked(prompt=row.id))
        raise AssertionError("a parked call does not return")

    def response(self, key: Key, /) -> Response:
        """Who answered this question, and when. Raises NotFound where it has no answer in this run."""
        row = self._run.prompts.get(_key(key))
        if row is None or row.response is None:
            raise NotFound(f"The question {key!r} has no answer yet.")
        return Response(by=row.response.by, at=instant(row.response.at), defaulted=row.response.defaulted)

    async def wait_for(self, key: Key, model: type[M], /, *, timeout: Duration | None = None) -> M:
        """Wait for a machine to answer with a `model`, through the prompt's address. Else as `ask`."""
        return await self.ask(key, Callback(model), timeout=timeout)

    # ── Threads ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, op: Coroutine[Any, Any, T], /) -> T:
        """In a `def` job: await a verb, `draft = ctx.run(ctx.step(write, topic))`. Raises as that verb does."""
        if _on(self._run.loop):
            op.close()
            raise InvalidOption("ctx.run is for `def` jobs, in their threads. In an async job, await the verb itself.")
        return self._run.bridge(op)

    # ── Inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _own(self, name: str, key: Key, fn: Callable[..., Any], *args: Any) -> Any:
        return await _step(self._run, _Options(key=_key(key), name=OWN + name), fn, args, {})

    def _open(self) -> None:
        run = self._run
        if run.closed:
            raise JobEnded("This job's run has ended: its context takes no more calls.")
        if run.threaded and run.ending is not None and not _on(run.loop):
            raise run.exit_of_thread()

    def _meter(self) -> Meter:
        run = self._run
        if run.meter is None:
            claim = run.claim
            run.meter = Meter(
                run.loop,
                lambda text: void(run.note(Fact(claim.id, claim.lease, EventKind.PROGRESS, text))),
                lambda: run.replaying or run.ending is not None,
                shown=claim.progress,
            )
        return run.meter


def void(_: object) -> None:
    """Say that a value is not used."""


# ── Steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _step(
    run: Run, options: _Options, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    await run.enter()
    _not_nested("step")
    name, key = options.name or _name(fn), options.key
    codec = codec_for(_returns(fn) if options.returns is _MISSING else options.returns)
    run.visit(name, key)
    row = run.steps.get((name, key))
    if row is not None:
        return await _recall(run, row, codec)
    joined = None if options.on is None else run.host.store.join(options.on)
    run.begin()
    try:
        emitted = await run.has_emitted(name, key)
        run.check_lease()
        attempt = 1
        while True:
            step = Step(run, name, key, attempt, held=None if joined is None else [])
            if emitted:
                step.take_back()
            try:
                if joined is not None:
                    return await _within(joined, step, options.timeout, codec, fn, args, kwargs)
                value = await _call(step, options.timeout, fn, args, kwargs)
                text, decoded = codec.round_trip(value)
                break
            except (LeaseLost, NestedStep):
                raise
            except Exception as error:
                verdict = decide(options.retry, error, attempt, random=random.random)
                if isinstance(verdict, RetryAfter):
                    _tell_retry(step, error, verdict)
                    await asyncio.sleep(verdict.seconds)
                    attempt += 1
                    emitted = step.emitted
                    continue
                raise await _fail(run, name, key, error) from error
        await step.flushed()
        await _record(run, *_result(step, text, args, kwargs))
        return decoded
    finally:
        run.end()


async def _within(
    joined: Joined,
    step: Step,
    timeout: float | None,
    codec: Codec[Any],
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Call `fn`, record what it returned, and commit both in one transaction; or neither."""
    run, claim = step.run, step.run.claim
    decoded: Any = None
    begun = committing = False
    # A connection is used where `fn` uses it: by one thread at a time, some of them by no other one.
    with calling(None if _is_async(fn) else lambda call: _finished(in_thread(f"{STEP_THREADS}-{step.name}", call))):
        try:
            await run.host.patiently(joined.begin)
            begun = True
            value = await _call(step, timeout, fn, args, kwargs)
            text, decoded = codec.round_trip(value)
            row, data = _result(step, text, args, kwargs)
            await _finished(joined.record(claim.id, claim.lease, row, _about(row, data), await step.kept()))
            committing = True
            await _finished(joined.commit())
        except BaseException as error:
            # A transaction in which Bide may not take part is not Bide's to end.
            if begun or not isinstance(error, UnusableConnection):
                await _finished(_take_back(joined, step))
            if isinstance(error, LeaseLost):
                raise run.lost() from None
            # The reply to a commit may be lost, and not the commit.
            if not committing or not isinstance(error, Exception) or not await _is_recorded(step):
                raise
    return decoded


async def _finished(op: Coroutine[Any, Any, T]) -> T:
    """Await it to its end, however often it is told to end before: a statement that is cut off leaves a connection of
    which nobody knows what it did, and a thread that runs on, one that it still uses."""
    task = asyncio.ensure_future(op)
    told: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            told = error
    if told is None:
        return task.result()
    if not task.cancelled():
        _ = task.exception()  # what it came to does not count any more
    raise told


async def _take_back(joined: Joined, step: Step) -> None:
    try:
        await joined.rollback()
    except Exception as error:  # noqa: BLE001 - a connection that is lost takes its transaction with it
        log.warning("the transaction of step %r could not be rolled back: %s", step.name, error)


async def _is_recorded(step: Step) -> bool:
    run = step.run
    return await run.read(lambda: run.host.store.recorded(run.claim.id, step.name, step.key))


def _result(step: Step, text: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[StepRow, dict[str, Any]]:
    """What is remembered of a step that returned, and what its event tells."""
    audit = _digest(args, kwargs)
    return StepRow(name=step.name, key=step.key, result=text, error=None), {"input": audit} if audit else {}


async def _recall(run: Run, row: StepRow, codec: Codec[Any]) -> Any:
    if row.error is not None:
        stored = orjson.loads(row.error)
        raise StepFailed(row.name, stored["type"], stored["message"], final=stored["final"])
    text = row.result
    if text is None:
        text = await run.read(lambda: run.host.store.step_result(run.claim.id, row.name, row.key))
    return await _decode(run, codec, text, f"the result of step {row.name!r}")


async def _call(
    step: Step, timeout: float | None, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    token = _current.set(step)
    try:
        if _is_async(fn):
            async with asyncio.timeout(timeout):
                return await fn(*args, **kwargs)
        # Its turn is given back when the step is: one whose time is over may hang in its thread for ever. And the time
        # begins with the turn. Only what has a connection that was lent is waited for: nobody else may use that.
        async with step.run.host.step_threads, asyncio.timeout(timeout) as patience:
            call = in_thread(f"{STEP_THREADS}-{step.name}", partial(fn, *args, **kwargs))
            value = await (call if step.held is None else _finished(call))
        if not inspect.isawaitable(value):
            return value
        async with asyncio.timeout_at(patience.when()):
            return await value
    finally:
        _current.reset(token)


def _tell_retry(step: Step, error: Exception, verdict: RetryAfter) -> None:
    claim = step.run.claim
    what = f"step {step.name!r}, try {step.attempt}: {type(error).__name__}: {_text(error)}"
    line = {"message": escape(what, 2_000), "fields": {"again_in": round(verdict.seconds, 3)}}
    void(step.run.note(Fact(claim.id, claim.lease, EventKind.LOG, encode(line))))


async def _fail(run: Run, name: str, key: str, error: Exception) -> StepFailed:
    """Store a step's failure, and make the exception that says so, now and in every replay."""
    kind, message = type(error).__name__, escape(_text(error), 2_000)
    unbounded = replace(run.definition.retry, max_attempts=sys.maxsize)
    final = isinstance(decide(unbounded, error, 1, random=random.random), GiveUp)
    stored = encode({"type": kind, "message": message, "final": final})
    await _record(run, StepRow(name=name, key=key, result=None, error=stored), {"type": kind, "message": message[:200]})
    return StepFailed(name, kind, message, final=final)


async def _record(run: Run, row: StepRow, data: dict[str, Any]) -> None:
    about = _about(row, data)
    await run.write(lambda: run.host.store.record(run.claim.id, run.claim.lease, row, about))


def _about(row: StepRow, data: dict[str, Any]) -> str:
    return encode({"step": row.name, **({"key": row.key} if row.key else {}), **data})


async def _open(
    run: Run,
    key: str,
    prompt: Prompt[Any],
    codec: Codec[Any],
    timeout: Duration | None,
    default: object,
    assignee: str | None,
    refused: tuple[str, InvalidPayload] | None = None,
) -> PromptRow:
    if timeout is None and default is not _MISSING:
        raise InvalidOption(f"The question {key!r} has a default but no timeout: the default would never be taken.")
    if assignee is not None and escape(assignee) != assignee:
        raise InvalidOption(f"assignee={assignee!r}: expected printable characters.")
    new = NewPrompt(
        id=str(uuid_utils.compat.uuid7()),
        key=key,
        kind=prompt.kind,
        data=encode(prompt.data() if refused is None else {**prompt.data(), "refused": str(refused[1])}),
        schema=encode(prompt.narrow(codec.schema())),
        assignee=assignee,
        timeout=None if timeout is None else round(seconds(timeout) * 1_000_000),
        default=None if default is _MISSING else codec.encode(default),
        replaces=None if refused is None else refused[0],
    )
    run.doings.opening += 1
    try:
        if run.doings.opening + sum(row.status == "open" for row in run.prompts.values()) > OPEN_PROMPTS:
            raise InvalidOption(
                f"The question {key!r} would be more than {OPEN_PROMPTS} that are open in one job.",
                hint="Ask what belongs together with one Form or Clarify, or let jobs of their own ask.",
            )
        row = await run.write(lambda: run.host.store.ask(run.claim.id, run.claim.lease, new))
        run.prompts[key] = row
    finally:
        run.doings.opening -= 1
    return row


# ── Small print ──────────────────────────────────────────────────────────────────────────────────────────────────────

_DEFAULTS = _Options()


async def _decode(run: Run, codec: Codec[Any], text: str, what: str) -> Any:
    try:
        return codec.decode(text)
    except InvalidPayload as error:
        # Other code wrote it. Not an error of this code to catch: the job waits until a deploy can read it.
        await run.defer(f"{what} no longer fits its declared type: {error}")


def _log_line(message: str, fields: dict[str, Any]) -> str:
    line = {"message": escape(message, 2_000), **({"fields": fields} if fields else {})}
    try:
        return encode(line, limit=16_384)
    except InvalidPayload:
        # A line of the log must not fail the job that writes it: what JSON cannot keep is told as Python shows it.
        return encode({**line, "fields": {name: escape(repr(value), 500) for name, value in fields.items()}})


def _not_nested(verb: str) -> None:
    step = _current.get()
    if step is not None:
        raise NestedStep(
            f"{verb} inside the step {step.name!r}: steps are leaves.",
            hint="Return from the step first; in it, call plain functions.",
        )


def _key(key: Key) -> str:
    text = str(key)
    if len(text) > KEY_LIMIT or escape(text) != text:
        raise InvalidOption(f"A key is a text of at most {KEY_LIMIT} printable characters, not {text[:40]!r}.")
    return text


def _inner(fn: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(fn, partial):
        fn = fn.func
    return fn


def _not_reserved(name: str) -> str:
    if name.startswith(OWN):
        raise InvalidOption(
            f"A step cannot be named {name!r}: under names with {OWN!r} the context remembers what is its own.",
            hint="Give another with ctx.options(name=…).",
        )
    return name


def _name(fn: Callable[..., Any]) -> str:
    fn = _inner(fn)
    name = getattr(fn, "__name__", None) or type(fn).__name__
    if name == "<lambda>":
        raise InvalidOption("A lambda has no name to remember it by.", hint="Use ctx.options(name=…).step(…).")
    return _not_reserved(str(name))


_RETURNS: WeakKeyDictionary[FunctionType, object] = WeakKeyDictionary()
"""By the function, as long as it lives: a closure that were kept here would keep what it closes over."""


def _returns(fn: Callable[..., Any]) -> object:
    fn = _inner(fn)
    target = fn if inspect.isroutine(fn) else type(fn).__call__
    function = getattr(target, "__func__", target)
    if not isinstance(function, FunctionType):
        return _annotated(fn, target)
    known = _RETURNS.get(function)
    if known is None:
        known = _RETURNS[function] = _annotated(fn, target)
    return known


def _annotated(fn: Callable[..., Any], target: Callable[..., Any]) -> object:
    try:
        return typing.get_type_hints(target, include_extras=True).get("return", inspect.Signature.empty)
    except Exception as error:
        raise InvalidOption(
            f"The annotations of {_name(fn)!r} cannot be read: {error}.",
            hint="Give the type with ctx.options(returns=…), or define it where the function's module sees it.",
        ) from error


def _is_async(fn: Callable[..., Any]) -> bool:
    fn = _inner(fn)
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def _text(error: BaseException) -> str:
    """str(error), also of an error whose __str__ fails."""
    try:
        return str(error)
    except BaseException as failing:  # noqa: BLE001 - the first error is the one to tell of
        return f"<its __str__ raised {type(failing).__name__}>"


def _digest(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """A digest of a step's arguments for the audit, where they are data; never used to find the step again."""
    if not args and not kwargs:
        return None
    try:
        return digest(encode(to_jsonable_python((args, kwargs))))[:16]
    except Exception:  # noqa: BLE001 - what is no data has no digest, whatever its own code says of it
        return None


def _on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


async def _now(run: Run) -> datetime:
    return instant(run.host.store.now())


async def _uuid() -> UUID:
    return uuid_utils.compat.uuid7()


async def _random() -> float:
    return random.random()
