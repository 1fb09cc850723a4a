"""`Harness`: run an app's own jobs in a test, answer their questions, move their time, and crash them everywhere.

    async with Harness(bide, deps=Deps("fake")) as jobs:
        job = await article.enqueue("tea")
        await jobs.run_until_idle()
        await jobs.answer(job, "publish", Proceed())
        await jobs.run_until_idle()
        assert (await jobs.result(job)).text == "tea"

The engine is the real one, on a SQLite file of its own that is removed in the end; only the clock is the test's.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, cast

from pydantic import BaseModel
from typing_extensions import TypeVar

from bide.app import PAGE, Bide
from bide.errors import BideError
from bide.hitl import PromptView
from bide.job import Job, JobStatus
from bide.job_type import JobCall
from bide.portal import Portal
from bide.schedule import Duration
from bide.store.base import (
    Claim,
    Demand,
    Inserted,
    JobFilter,
    JobRow,
    Joined,
    LaneLimit,
    NewJob,
    Settle,
    Settled,
    Store,
)
from bide.store.sqlite import SQLiteStore
from bide.testing.checker import assert_sound
from bide.testing.clock import ManualClock
from bide.testing.crash import CrashingStore, CrashPoint
from bide.upkeep import Upkeep
from bide.worker import Worker, WorkerOptions

R = TypeVar("R")
D = TypeVar("D", default=object)

PATIENCE = 60.0
"""Seconds of real time that a job may run without coming to rest."""

NAMED = 5
"""How many jobs an error names."""

_OPTIONS = WorkerOptions(queues=(), lease=3_600.0, poll=3_600.0, drain=0.1, cancel_grace=1.0)
"""The harness sweeps by hand, so nothing here happens by the passing of real time. No queue: see `_EveryQueue`."""


class Unsettled(BideError, AssertionError):
    """A test asked for what its job has not come to: says where the job stands instead."""

    code = "unsettled"


class _EveryQueue:
    """Hands a worker that names no queue the jobs of all: a test's jobs choose theirs as they like."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queues: set[str] = set()

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        self._queues.update(job.queue for job in jobs)
        return await self._store.insert(jobs)

    def join(self, on: object) -> Joined:
        return cast("Joined", _JoinedEverywhere(self._store.join(on), self._queues))

    async def settle_and_claim(
        self,
        worker: str,
        settles: Sequence[Settle],
        demands: Sequence[Demand],
        *,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Sequence[Settled], Sequence[Claim]]:
        every = tuple(self._queues)
        wider = [_without_rates(demand if demand.queues else replace(demand, queues=every)) for demand in demands]
        return await self._store.settle_and_claim(worker, settles, wider, meanwhile=meanwhile)


def _without_rates(demand: Demand) -> Demand:
    # A test is idle when nothing is ready: it does not wait for the next minute.
    limits = {kind: LaneLimit(limit.concurrency) for kind, limit in demand.type_limits.items()}
    return replace(demand, type_limits=limits)


class _JoinedEverywhere:
    """Takes note of the queues of what is enqueued in a transaction of the test's own."""

    def __init__(self, joined: Joined, queues: set[str]) -> None:
        self._joined = joined
        self._queues = queues

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._joined, verb)

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        self._queues.update(job.queue for job in jobs)
        return await self._joined.insert(jobs)


class Harness(Generic[D]):
    """Runs the jobs of `bide` in this process. `deps` replaces what `Bide(deps=…)` would open.

    Enter it before anything else opens the app: what comes after shares its file. Raises InvalidOption otherwise.

    now: where the clock begins, a datetime or ISO text; by default the current time. It only moves by `advance`.

    In synchronous tests `with Harness(bide) as jobs:` and `bide.run(jobs.run_until_idle())`.
    """

    def __init__(self, bide: Bide[D], /, *, deps: D | None = None, now: datetime | str | None = None) -> None:
        self._bide = bide
        self._deps = deps
        self.clock = ManualClock(datetime.fromisoformat(now) if isinstance(now, str) else now)
        self._stack = AsyncExitStack()
        self._work = AsyncExitStack()
        self._worker: asyncio.Task[None] | None = None
        self._pauses = 1

    @property
    def url(self) -> str:
        """The URL of its database, for the test's own sessions that jobs are to write on, `on=`. Raises NotStarted."""
        return f"sqlite:///{cast('SQLiteStore', self._bide.store).path}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="bide-test-")
            stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
            await self._bide.open_on(lambda: cast("Store", _EveryQueue(self._make_store(Path(folder)))))
            stack.push_async_callback(self._bide.shut)
            await self._resume()
            stack.push_async_callback(self._pause)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._stack.aclose()

    def __enter__(self) -> Self:
        self._portal = Portal()
        return self._portal.call(self.__aenter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._portal.call(self.__aexit__(kind, error, trace))
        self._portal.close()

    # ── Running ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run_until_idle(self) -> None:
        """Run until nothing can go on: every job is finished, or waits for an answer or for a later time.

        Raises Unsettled where that does not come about: jobs run on and on, the app has no code for one, or the worker
        has broken.
        """
        await self._settle(asyncio.Event())

    @asynccontextmanager
    async def paused(self) -> AsyncGenerator[None]:
        """Execute nothing within this block, so that a test can see jobs, and change them, before they begin.

        Otherwise a job that is ready begins as soon as the test awaits anything.
        """
        await self._pause()
        try:
            yield
        finally:
            await self._resume()

    async def advance(self, by: Duration, /) -> None:
        """Move the clock, and do what has come due: questions expire, delayed and sleeping jobs wake."""
        self.clock.advance(by)
        await self._upkeep.sweep(thorough=False)

    async def result(self, job: Job[R], /) -> R:
        """The job's result. Raises JobFailed, JobWasCancelled, and Unsettled if it has not finished."""
        now = await self._bide.get(job)
        if not now.status.terminal:
            keys = ", ".join(repr(prompt.key) for prompt in await self._bide.prompts(job)) or "nothing"
            raise Unsettled(
                f"Job {job.id} ({now.type}) is {now.status.value}; open questions: {keys}.",
                hint="Call run_until_idle(), answer() or advance() first.",
            )
        return await self._bide.result(job)

    async def prompt(self, job: Job[Any], key: str, /) -> PromptView:
        """The open question with this key. Raises Unsettled where there is none."""
        prompts = await self._bide.prompts(job)
        for prompt in prompts:
            if prompt.key == key:
                return prompt
        keys = ", ".join(repr(prompt.key) for prompt in prompts) or "none"
        raise Unsettled(f"Job {job.id} does not ask {key!r} now; open questions: {keys}.")

    async def answer(self, job: Job[Any], key: str, value: BaseModel, /, *, by: str = "tester") -> None:
        """Answer the open question with this key, as `by` or its assignee. Raises InvalidResponse, Unsettled."""
        prompt = await self.prompt(job, key)
        await self._bide.respond(job, value, prompt=prompt.id, by=prompt.assignee or by)

    # ── Crashing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def crash(self, write: int, /, *, after: bool = False) -> bool:
        """Run until idle, but lose the worker at its `write`th write (1-based): before it, or `after` its commit.

        Its jobs are taken back, as those of a worker that was killed; `run_until_idle` lets another go on. Returns
        whether it came to that: False where there was less to write. Enqueue what it is to lose, and call this, within
        one `paused()`: outside, the worker that runs anyhow may have begun it.
        """
        crashing = CrashingStore(self._store, CrashPoint(write, after))
        async with self.paused():
            async with self._working(cast("Store", crashing)) as worker:
                await self._settle(crashing.crashed)
            if crashing.crashed.is_set():
                await self._take_over(worker, crashing)
        return crashing.crashed.is_set()

    async def crash_everywhere(self, call: JobCall[R], /, *, answers: Mapping[str, BaseModel] | None = None) -> R:
        """Run the call once undisturbed, then once for every write its worker does, crashing before and after it.

        Each time the worker is gone in that instant and another takes the job over; `answers` answer its questions by
        key. Every run must end with the same result, and leave a sound database. Returns that result.
        """
        given = answers or {}
        counting = CrashingStore(self._store)
        expected = await self._crash_once(call, given, counting)
        for n in range(1, counting.writes + 1):
            for after in (False, True):
                crashing = CrashingStore(self._store, CrashPoint(n, after))
                result = await self._crash_once(call, given, crashing)
                if result != expected:
                    raise Unsettled(
                        f"A crash {'after' if after else 'before'} write {n}, {crashing.crashed_in}, changed the result"
                        f": {result!r} instead of {expected!r}.",
                        hint="Something that differs between two runs happens outside a step.",
                    )
        await assert_sound(self._store)
        return expected

    async def _crash_once(self, call: JobCall[R], answers: Mapping[str, BaseModel], store: CrashingStore) -> R:
        # Each run is a job of its own, which an idempotency key would prevent.
        new = self._bide.accept(replace(call, options=replace(call.options, idempotency_key=None)))
        await self._pause()
        try:
            # One attempt more than the job has: the crash spends one that the job's own failures may need.
            await self._store.insert([new._replace(max_attempts=new.max_attempts + 1)])
            job: Job[Any] = await self._bide.get(new.id)
            async with self._working(cast("Store", store)) as worker:
                finished = await self._to_the_end(job, answers, store.crashed)
            if not finished:
                await self._take_over(worker, store)
                async with self._working(self._store):
                    await self._to_the_end(job, answers, asyncio.Event())
        finally:
            await self._resume()
        return cast("R", await self.result(job))

    async def _take_over(self, worker: Worker, crashed: CrashingStore) -> None:
        # What it claims with its last breath is its, too.
        await crashed.at_rest()
        await self._store.rescue([worker.id])

    async def _to_the_end(self, job: Job[Any], answers: Mapping[str, BaseModel], crashed: asyncio.Event) -> bool:
        """Answer what the job asks, and let its sleeps pass, until it has finished; False once its worker crashed."""
        while True:
            await self._settle(crashed)
            if crashed.is_set():
                return False
            if (await self._bide.get(job)).status.terminal:
                return True
            prompts = await self._bide.prompts(job)
            for prompt in prompts:
                if prompt.key not in answers:
                    raise Unsettled(f"The job asks {prompt.key!r}, and answers= has none for it.")
                await self._bide.respond(job, answers[prompt.key], prompt=prompt.id, by=prompt.assignee or "tester")
            if not prompts:
                due = await self._upkeep.next_due()
                if due is None:
                    await self.result(job)
                else:
                    await self.advance(due)

    # ── Inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _store(self) -> Store:
        return self._bide.store

    @property
    def _upkeep(self) -> Upkeep:
        return Upkeep(self._store, grace=3_600.0, age_limit=_OPTIONS.age_limit, retention=None)

    async def _resume(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            await self._work.enter_async_context(self._working(self._store))

    async def _pause(self) -> None:
        self._pauses += 1
        await self._work.aclose()

    @asynccontextmanager
    async def _working(self, store: Store) -> AsyncGenerator[Worker]:
        worker = Worker(store, self._bide.registry, _OPTIONS, self._open_deps)
        running = asyncio.create_task(worker.run())
        ready = asyncio.create_task(worker.ready())
        await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        try:
            if running.done():
                running.result()
            self._worker = running
            yield worker
        finally:
            self._worker = None
            running.cancel()
            await asyncio.wait([running])

    def _make_store(self, folder: Path) -> Store:
        return SQLiteStore(folder / "jobs.db", clock=self.clock, synchronous="NORMAL")

    @property
    def _open_deps(self) -> Callable[[], AbstractAsyncContextManager[Any]] | None:
        if self._deps is None:
            return self._bide.open_deps
        return lambda: nullcontext(self._deps)

    async def _settle(self, crashed: asyncio.Event) -> None:
        """Return once nothing runs and nothing is ready, or the worker crashed."""
        changed = asyncio.Event()
        unsubscribe = self._store.subscribe(lambda _: changed.set())
        fall = asyncio.create_task(crashed.wait())
        try:
            async with asyncio.timeout(PATIENCE):
                while not crashed.is_set():
                    changed.clear()
                    await self._upkeep.sweep(thorough=False)
                    stats = await self._store.stats(None)
                    if not stats.by_status.get(JobStatus.RUNNING):
                        if not stats.ready:
                            return
                        await self._refuse_strangers(stats.ready)
                    change = asyncio.create_task(changed.wait())
                    awaited = [task for task in (change, fall, self._worker) if task is not None]
                    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                    change.cancel()
                    self._refuse_broken_worker()
        except TimeoutError:
            raise Unsettled(
                f"Not at rest after {PATIENCE:.0f} s: {_named(await self._moving())}.",
                hint="Does one of them wait for something outside?",
            ) from None
        finally:
            fall.cancel()
            unsubscribe()

    def _refuse_broken_worker(self) -> None:
        """Raise Unsettled with the error that the worker died of."""
        if self._worker is not None and self._worker.done():
            error = self._worker.exception()
            raise Unsettled(f"The worker has stopped: {error!r}.") from error

    async def _refuse_strangers(self, ready: int) -> None:
        """Raise Unsettled where nothing is ready but jobs that the app has no code for."""
        strangers = [row for row in await self._moving() if self._bide.registry.find(row.type) is None]
        if len(strangers) >= ready:
            raise Unsettled(
                f"Nobody here can execute what is left: {_named(strangers)}.",
                hint="The app has no job type of that name: import the module that holds it.",
            )

    async def _moving(self) -> list[JobRow]:
        """The jobs that run, or wait for nothing but a worker."""
        found: list[JobRow] = []
        page = JobFilter(statuses=(JobStatus.RUNNING, JobStatus.PENDING), limit=PAGE)
        while rows := await self._store.list(page, None):
            now = self._store.now()
            found += [row for row in rows if row.due_at is None or row.due_at <= now]
            page = replace(page, before=rows[-1].id)
        return found


def _named(rows: Sequence[JobRow]) -> str:
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return ", ".join(f"job {row.id} ({row.type}) is {row.status}" for row in rows[:NAMED]) + more
