"""One execution of one claimed job: what it remembers, what it waits for, and how it is ended.

A run ends by returning, by raising, or because the outside ends it: it suspends, is cancelled, runs out of time, lost
its lease, or its worker drains. For the last five there is one signal: the root `asyncio.Task` is cancelled, which
gather, TaskGroup, timeouts and anyio all honour; an exception raised through user code is handed out by `gather` as a
value and eaten by `suppress`. Code that swallows the signal gets it again, five times, and is then abandoned.

Everything here happens on the worker's event loop; `bridge` is the door for threads.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast

import orjson

from bide.clock import alive_for
from bide.codec import encode, escape
from bide.errors import DuplicateStep, JobCancelled, JobEnded, JobTimedOut, LeaseLost
from bide.errors import Suspended as JobSuspended
from bide.events import EventKind
from bide.progress import Meter
from bide.store.base import Fact, Suspended, whole_history
from bide.thread import Waiting, calling

if TYPE_CHECKING:
    from bide.batch import Batcher
    from bide.job_type import Definition
    from bide.store.base import Claim, PromptRow, Recall, StepRow, Store

T = TypeVar("T")

DELIVERIES = 5
"""How often a run is told to end before it is abandoned."""

QUIET_TURNS = 5
"""Turns of the event loop without a verb in flight before a run with a parked call counts as waiting.

A branch that has just been started, or that yields once or twice between two verbs, is so let come to its next verb.
"""

DEFERRED = (300.0, 3_600.0)
"""Seconds until a job whose stored values this code cannot read is tried again, perhaps by newer code: the first wait,
doubled up to the second."""

RECENT = 50
"""How many events at the end of a job's history are looked through for its last wait."""

OWN = "ctx."
"""How the names begin under which a context remembers what is its own: no step of a user's has such a name."""

ASK = OWN + "ask"


class Ending(Enum):
    """Why a run is being ended from outside."""

    SUSPEND = auto()
    CANCEL = auto()
    TIMEOUT = auto()
    LEASE_LOST = auto()
    RELEASE = auto()


GOES_ON = frozenset({Ending.SUSPEND, Ending.LEASE_LOST, Ending.RELEASE})
"""After these the job goes on in another run: what the clean-up of this one says would not be true of it."""


class Parked(NamedTuple):
    """A verb that waits: for the answer of this prompt, or for this time. `told`: why, where it is for other code."""

    prompt: str | None = None
    wake_at: int | None = None
    told: str | None = None


class Doings:
    """What a run has to do with its context. Most jobs of a drain never touch theirs, so it is made on first use:
    every container is one more for the garbage collector, which took half the time of a no-op job."""

    __slots__ = (
        "bridges",
        "emitters",
        "held_back",
        "notes",
        "opening",
        "parked",
        "prompts",
        "steps",
        "tasks",
        "unvisited",
        "visited",
    )

    def __init__(self, recall: Recall | None) -> None:
        self.visited: set[tuple[str, str]] = set()
        self.parked: set[Parked] = set()
        self.notes: set[asyncio.Future[bool]] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.bridges: set[asyncio.Task[Any]] = set()
        self.steps: dict[tuple[str, str], StepRow] = {}
        self.prompts: dict[str, PromptRow] = {}
        if recall is not None:
            self.steps.update(((step.name, step.key), step) for step in recall.steps)
            self.prompts.update((prompt.key, prompt) for prompt in recall.prompts)
        self.unvisited = {*self.steps, *((ASK, key) for key in self.prompts)}
        self.opening = 0
        """Questions that are being written now."""
        self.held_back: list[Fact] = []
        self.emitters: Collection[tuple[str, str]] | None = None if recall is not None else ()


class Host(Protocol):
    """What a run needs from the worker that executes it."""

    store: Store
    facts: Batcher[Fact, bool]
    step_threads: asyncio.Semaphore
    """How many `def` steps are waited for at once."""
    deps: Any
    cancel_grace: float
    """Seconds between two deliveries of an ending."""

    async def patiently(self, verb: Callable[[], Awaitable[T]]) -> T:
        """Call a verb of the store until the database does it."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the worker is shutting down."""
        ...

    @property
    def lease_valid_until(self) -> float:
        """When, by `alive_for`, other workers may begin to take this worker for dead."""
        ...


class Run:
    """The state of one execution. `JobContext` holds the verbs, `execute` drives it."""

    __slots__ = (
        "_abandon",
        "_doings",
        "_quiet",
        "_redelivery",
        "_timer",
        "began",
        "begun",
        "busy",
        "claim",
        "closed",
        "definition",
        "deliveries",
        "ending",
        "host",
        "loop",
        "meter",
        "replaying",
        "root",
        "suspension",
    )

    def __init__(
        self,
        claim: Claim,
        host: Host,
        definition: Definition,
        loop: asyncio.AbstractEventLoop,
        abandon: Callable[[Run], None],
    ) -> None:
        self.claim = claim
        self.host = host
        self.definition = definition
        self.loop = loop
        self.root: asyncio.Task[None] | None = None
        self.began = time.monotonic()
        self.begun = False
        """Whether its task has taken its first step: cancelled before, it would never take it, and so tell nobody."""
        self.closed = False
        self.ending: Ending | None = None
        self.busy = 0
        self.deliveries = 0
        self.suspension: Suspended | None = None
        self.meter: Meter | None = None
        self._doings: Doings | None = None
        self._quiet: asyncio.Handle | None = None
        self._redelivery: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._abandon = abandon
        self.replaying = claim.recall is not None and bool(claim.recall.steps or claim.recall.prompts)
        if claim.timeout is not None:
            left = (claim.timeout - claim.elapsed) / 1_000_000
            self._timer = loop.call_later(max(0.0, left), self.finish, Ending.TIMEOUT)

    @property
    def doings(self) -> Doings:
        if self._doings is None:
            self._doings = Doings(self.claim.recall)
        return self._doings

    @property
    def steps(self) -> dict[tuple[str, str], StepRow]:
        """What earlier runs recorded, by (name, key)."""
        return self.doings.steps

    @property
    def prompts(self) -> dict[str, PromptRow]:
        """The questions of this job that are not withdrawn, by key."""
        return self.doings.prompts

    @property
    def elapsed(self) -> int:
        """Microseconds since it began."""
        return round((time.monotonic() - self.began) * 1_000_000)

    @property
    def threaded(self) -> bool:
        """Whether the function is `def`, and so runs in a thread of its own."""
        return not self.definition.is_async

    # ── Verbs in flight ──────────────────────────────────────────────────────────────────────────────────────────────

    async def enter(self) -> None:
        """Every verb begins here: the run must still be going on. In a run that is ending it parks, or raises."""
        if self.closed:
            # Abandoned code that swallows this too must not spin: nothing else would run on the loop any more.
            await asyncio.sleep(self.host.cancel_grace if self.ending is not None else 0)
            raise JobEnded("This job's run has ended: its context takes no more calls.")
        match self.ending:
            case None:
                return
            case Ending.LEASE_LOST:
                raise self.lost()
            case _:
                # Code that swallowed the signal came here: it waits until it is told again.
                self._deliver_soon()
                await self.loop.create_future()

    def visit(self, name: str, key: str) -> None:
        doings = self.doings
        if (name, key) in doings.visited:
            raise DuplicateStep(
                f"{name!r} with key {key!r} was used before in this run.",
                hint="A repeat needs a key of its own: ctx.options(key=…), or another key for a question.",
            )
        doings.visited.add((name, key))
        if self.replaying and (name, key) in doings.unvisited:
            # What was said on the way to it was said by an earlier run, too.
            doings.held_back.clear()
            doings.unvisited.remove((name, key))
            if not doings.unvisited:
                # All that was recorded has been seen again: a long tail without another verb is new work, and shown.
                self.catch_up()

    def catch_up(self) -> None:
        """The replay is over: show what was said since the last record that the code came to."""
        self.replaying = False
        if self.meter is not None:
            self.meter.catch_up()
        held_back, self.doings.held_back = self.doings.held_back, []
        for line in held_back:
            _ = self.note(line)

    def say(self, line: Fact) -> None:
        """Write a line of the job's log. One said in a replay is held back until it shows whether it is new: the code
        comes to another record, and so has said it before, or to what is new, or to its end."""
        if self.ending in GOES_ON:
            return
        if self.replaying and self.ending is None:
            self.doings.held_back.append(line)
        else:
            _ = self.note(line)

    def begin(self) -> None:
        """An unrecorded verb starts: the replay is over, and the run is busy until `end`."""
        if self.replaying:
            self.catch_up()
        self.busy += 1
        self._adopt_task()

    def end(self) -> None:
        self.busy -= 1
        self._look()

    async def park(self, parked: Parked) -> None:
        """Wait for what only a later run will see: an answer, or a time. Never returns: the run ends as suspended."""
        self._adopt_task()
        self.doings.parked.add(parked)
        self._look()
        try:
            await self.loop.create_future()
        finally:
            self.doings.parked.discard(parked)

    def _adopt_task(self) -> None:
        task = asyncio.current_task()
        if task is not None and task is not self.root:
            self.doings.tasks.add(task)

    def _look(self) -> None:
        if self.doings.parked and not self.busy and self.ending is None and self._quiet is None:
            self._quiet = self.loop.call_soon(self._listen, QUIET_TURNS)

    def _listen(self, turns: int) -> None:
        self._quiet = None
        parked = self.doings.parked
        if self.busy or not parked or self.ending is not None or self.closed:
            return
        if turns:
            self._quiet = self.loop.call_soon(self._listen, turns - 1)
        else:
            self.suspend(parked)

    def suspend(self, parked: Collection[Parked]) -> None:
        """End the run, to go on when one of these comes true."""
        times = [one.wake_at for one in parked if one.wake_at is not None]
        prompts = {one.prompt for one in parked if one.prompt is not None}
        told = next((one.told for one in parked if one.told is not None), None)
        if told is not None:
            # Other code may well come to questions that this code did not.
            prompts.update(prompt.id for prompt in self.prompts.values() if prompt.status == "open")
        self.suspension = Suspended(tuple(sorted(prompts)), min(times, default=None), told)
        self.finish(Ending.SUSPEND)

    async def defer(self, why: str) -> None:
        """Let the job wait for other code: it comes back in a while, with no attempt spent. Never returns."""
        await self.park(await self.deferral(why))

    async def deferral(self, why: str) -> Parked:
        """What waits for other code: twice as long as the last time, where the job's last wait was for that too."""
        seconds = await self.read(self._patience)
        wake_at = self.host.store.now() + round(seconds * 1_000_000)
        return Parked(wake_at=wake_at, told=encode({"deferred": escape(why, 500), "again_in": seconds}))

    async def _patience(self) -> float:
        first, longest = DEFERRED
        store, job = self.host.store, self.claim.id
        (row,) = await store.get([job], None)
        for event in reversed(await whole_history(store, job, None, max(0, row.seq - RECENT), RECENT)):
            if event.kind in {EventKind.SLEEPING, EventKind.WAITING}:
                before = orjson.loads(event.data or "{}").get("again_in")
                return first if before is None else min(longest, before * 2)
        return first

    # ── Endings ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self, ending: Ending) -> None:
        """End the run from outside. The first reason holds, but a lost lease overrides every other."""
        if self.closed or self.ending is Ending.LEASE_LOST or (self.ending and ending is not Ending.LEASE_LOST):
            return
        self.ending = ending
        self.deliveries = 0
        self._deliver()

    def abandon(self) -> None:
        """Wait no longer for it to end: its outcome is written as if it had, and its context closed."""
        self._abandon(self)

    def _deliver_soon(self) -> None:
        if self._redelivery is not None:
            self._redelivery.cancel()
        self._redelivery = self.loop.call_later(0, self._deliver)

    def _deliver(self) -> None:
        if self._redelivery is not None:
            self._redelivery.cancel()
            self._redelivery = None
        if self.closed or self.root is None or not self.begun:
            return
        if self.deliveries >= DELIVERIES:
            self.abandon()
            return
        self.deliveries += 1
        if self.threaded:
            for bridge in tuple(self.doings.bridges):
                bridge.cancel()
        else:
            self.root.cancel()
        self._redelivery = self.loop.call_later(self.host.cancel_grace, self._deliver)

    def close(self) -> None:
        """The run is over: whatever still holds its context is refused, and what still waits is let go."""
        self.closed = True
        # The task holds its context, and that this run: a circle would leave every job to the garbage collector.
        self.root = None
        if self._timer is not None:
            self._timer.cancel()
        if self._redelivery is not None:
            self._redelivery.cancel()
        if self._quiet is not None:
            self._quiet.cancel()
        if self.meter is not None:
            self.meter.stop()
        if self._doings is not None:
            for task in (*self._doings.tasks, *self._doings.bridges):
                task.cancel()

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def note(self, fact: Fact) -> asyncio.Future[bool]:
        """Write a fact soon. A fact that was refused ends the run: the lease is gone."""
        written = self.host.facts.put(fact, len(fact.data))
        self.doings.notes.add(written)
        written.add_done_callback(self._noted)
        return written

    def _noted(self, written: asyncio.Future[bool]) -> None:
        self.doings.notes.discard(written)
        if not written.cancelled() and (written.exception() is not None or not written.result()):
            self.finish(Ending.LEASE_LOST)

    @property
    def noting(self) -> bool:
        """Whether facts are on their way."""
        return self._doings is not None and bool(self._doings.notes)

    async def noted(self) -> None:
        """Wait for the facts handed in so far: the outcome must not overtake them, or they would be refused."""
        while self.noting and not self.closed:
            try:
                await asyncio.wait(self.doings.notes)
            except asyncio.CancelledError:
                # The run is over already; only its last facts are on their way.
                continue

    async def read(self, verb: Callable[[], Awaitable[T]]) -> T:
        """Read what this run needs to go on. It is busy meanwhile, but still replays."""
        self.busy += 1
        try:
            return await self.host.patiently(verb)
        finally:
            self.end()

    async def has_emitted(self, name: str, key: str) -> bool:
        """Whether readers have output of this step from an earlier run, which did not come to record it."""
        doings = self.doings
        if doings.emitters is None:
            doings.emitters = await self.read(lambda: self.host.store.emitters(self.claim.id))
        return (name, key) in doings.emitters

    async def write(self, verb: Callable[[], Awaitable[T]]) -> T:
        """A write of this run, tried until the database takes it. Raises LeaseLost, and ends the run."""
        self.begin()
        try:
            return await self.host.patiently(verb)
        except LeaseLost:
            raise self.lost() from None
        finally:
            self.end()

    def lost(self) -> LeaseLost:
        """End the run, and the error to raise in it."""
        self.finish(Ending.LEASE_LOST)
        return self._lease_lost()

    def _lease_lost(self) -> LeaseLost:
        return LeaseLost(f"Job {self.claim.id} is not this worker's any more; nothing of this run is written.")

    def check_lease(self) -> None:
        """Before an effect: a worker that stood still for a lease may have been taken for dead. No query needed."""
        if alive_for() >= self.host.lease_valid_until:
            raise self.lost()

    # ── Threads ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def bridge(self, op: Coroutine[Any, Any, T]) -> T:
        """Run `op` on the worker's loop, from a thread of this job, and wait for it.

        Raises Suspended, JobCancelled, JobTimedOut or LeaseLost where the run is ended meanwhile.
        """
        if self.closed:
            op.close()
            raise JobEnded("This job's run has ended: its context takes no more calls.")
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def start() -> None:
            task = self.loop.create_task(_outcome(op))
            self.doings.bridges.add(task)
            task.add_done_callback(self.doings.bridges.discard)
            task.add_done_callback(lambda ended: _hand_over(ended, done))
            # Cancelled before its first step, the task never came to await it.
            task.add_done_callback(lambda _: op.close())
            if self.ending is not None:
                self._deliver_soon()

        waiting = Waiting()
        # In the thread's own context, so that the verb knows its stage and its job.
        with calling(waiting):
            self.loop.call_soon_threadsafe(start, context=contextvars.copy_context())
        try:
            return waiting.wait(done)
        except concurrent.futures.CancelledError:
            raise self.exit_of_thread() from None

    def exit_of_thread(self) -> BaseException:
        """What is raised in a thread of a run that is being ended."""
        match self.ending:
            case Ending.CANCEL:
                return JobCancelled()
            case Ending.TIMEOUT:
                return JobTimedOut("The attempt ran past the job's timeout.")
            case Ending.LEASE_LOST:
                return self._lease_lost()
            case None:
                return concurrent.futures.CancelledError()
            case Ending.SUSPEND | Ending.RELEASE:
                return JobSuspended()


async def _outcome(op: Coroutine[Any, Any, T]) -> tuple[T, None] | tuple[None, BaseException]:
    """What `op` comes to. A task that raises SystemExit or KeyboardInterrupt would end the worker's event loop."""
    try:
        return await op, None
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - carried to the thread
        return None, error


def _hand_over(
    task: asyncio.Task[tuple[T, None] | tuple[None, BaseException]], done: concurrent.futures.Future[T]
) -> None:
    if task.cancelled():
        done.cancel()
        return
    value, error = task.result()
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(cast("T", value))
