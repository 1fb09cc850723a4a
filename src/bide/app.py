"""`Bide`: the composition root. It opens the store, accepts jobs, answers readers, and makes workers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, cast, overload
from uuid import UUID

import orjson
import uuid_utils
from pydantic import BaseModel
from typing_extensions import TypeVar as TypeVarWithDefault

from bide.batch import Batcher, split
from bide.cache import SnapshotCache
from bide.clock import SystemClock, instant, microseconds
from bide.codec import digest, escape
from bide.context import JobContext, inside_job, origin
from bide.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidOption,
    InvalidPayload,
    JobFailed,
    JobWasCancelled,
    NotAssigned,
    NotFound,
    NotStarted,
    PromptAmbiguous,
    PromptClosed,
    PromptNotServed,
    StoreError,
)
from bide.events import Event
from bide.hitl import PromptView, Receipt, Response
from bide.job import Job, JobError, JobStatus, Progress
from bide.job_type import QUEUE_LIMIT, Definition, JobCall, JobType, Registry, check_key, check_name, define
from bide.limit import Limit
from bide.portal import Portal, call_on
from bide.respond import Forms, read_response, repeats, shown
from bide.retry import RetryPolicy
from bide.schedule import Duration, seconds
from bide.settings import Settings
from bide.store import address
from bide.store.base import (
    Accepted,
    Action,
    EventRow,
    Existing,
    Fork,
    IdempotencyClash,
    Inserted,
    JobFilter,
    JobRow,
    LaneLimit,
    NewJob,
    PromptRow,
    Prunable,
    Stats,
    Store,
    whole_history,
)
from bide.store.sqlite import SQLiteStore
from bide.worker import Worker

if TYPE_CHECKING:
    from fastapi import APIRouter

    from bide.http.access import Authorize
    from bide.http.limits import Limits

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
D = TypeVarWithDefault("D", default=object)
D_co = TypeVarWithDefault("D_co", covariant=True, default=object)

MAX_ATTEMPTS = 3
"""Attempts of a job unless it says otherwise: a worker that dies spends one, so one alone would not survive it."""

PAGE = 200

TEXT_LIMIT = 1_000
"""Characters kept of who did something, and why."""


class Bide(Generic[D]):
    """Durable jobs with people in the loop, in one database.

    `Bide("sqlite:///jobs.db")` names a file relative to the working directory, `sqlite:////var/lib/jobs.db` an absolute
    one; `postgresql://user@host/name` a database of a server, in which `bide migrate up` has made the tables.
    Constructing opens nothing: `async with bide:` does, and `async with bide.worker():` executes jobs as well.

    deps: an async context manager opened once in each executing process, seen in jobs as `ctx.deps`. limits: by queue,
    how many of its jobs run at once, or start within a time, over all workers.
    """

    @overload
    def __init__(
        self: Bide[None],
        url: str,
        /,
        *,
        limits: Mapping[str, Limit] | None = None,
        settings: Settings | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        url: str,
        /,
        *,
        deps: Callable[[], AbstractAsyncContextManager[D]],
        limits: Mapping[str, Limit] | None = None,
        settings: Settings | None = None,
    ) -> None: ...
    def __init__(
        self,
        url: str,
        /,
        *,
        deps: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
        limits: Mapping[str, Limit] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.url = url
        self._limits = _of_queues(limits or {})
        self.settings = settings or Settings()
        self.registry = Registry()
        self.open_deps = deps
        self.serving: object = None
        """What the routers of this app share: see `bide.http.runtime`."""
        self._forms = Forms()
        self._make_store = _store_maker(url, self.settings)
        self._opened: _Opened | None = None
        self._openers = 0
        self._opening = asyncio.Lock()
        self._portal: Portal | None = None
        self._portal_gate = threading.Lock()

    # ── Job types ────────────────────────────────────────────────────────────────────────────────────────────────────

    @overload
    def job(self, fn: Callable[Concatenate[JobContext[D], P], Coroutine[Any, Any, R]], /) -> JobType[P, R]: ...
    @overload
    def job(self, fn: Callable[Concatenate[JobContext[D], P], R], /) -> JobType[P, R]: ...
    @overload
    def job(
        self,
        *,
        name: str | None = None,
        queue: str = "default",
        timeout: Duration | None = None,
        max_attempts: int = MAX_ATTEMPTS,
        retry: RetryPolicy | None = None,
        version: int = 1,
        limit: Limit | None = None,
        expose: bool = False,
        forms: Iterable[type[BaseModel]] = (),
    ) -> _Decorator[D]: ...
    def job(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        queue: str = "default",
        timeout: Duration | None = None,
        max_attempts: int = MAX_ATTEMPTS,
        retry: RetryPolicy | None = None,
        version: int = 1,
        limit: Limit | None = None,
        expose: bool = False,
        forms: Iterable[type[BaseModel]] = (),
    ) -> Any:
        """Make a function a job type: `@bide.job` or `@bide.job(timeout="10m", max_attempts=3)`.

        The function takes a `JobContext` first. `async def` runs on the worker's event loop, `def` in a thread of its
        own. timeout: of one attempt, without the time it waits for people; none unless given. max_attempts: in all; or
        a whole `RetryPolicy` as `retry`. version: of its code, from 1; a worker leaves alone what was enqueued by newer
        code than its own. limit: how many run at once, or start within a time, over all workers. expose: whether it may
        be created over HTTP by its name. forms: models that `ctx.ask(…, Form(Model))` uses, so that their own
        validators are run in every process that takes answers.

        Raises InvalidOption, naming the remedy, for a function that cannot be a job.
        """
        if retry is not None and max_attempts != MAX_ATTEMPTS:
            raise InvalidOption("Give max_attempts or retry, not both: a RetryPolicy has its own max_attempts.")
        policy = retry or RetryPolicy(max_attempts=max_attempts)
        self._forms.add(forms)

        def decorate(function: Callable[..., Any]) -> JobType[..., Any]:
            definition = define(
                function,
                name=name,
                queue=queue,
                version=version,
                retry=policy,
                timeout=timeout,
                limit=limit,
                expose=expose,
            )
            job_type: JobType[..., Any] = JobType(self, definition)
            self.registry.add(job_type)
            return job_type

        return decorate if fn is None else decorate(fn)

    # ── Life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        """Open the store. May be entered more than once in one event loop; the last one to leave closes it."""
        async with self._opening:
            if self._opened is None:
                self._opened = await _Opened.begin(self._make_store())
            elif self._opened.loop is not asyncio.get_running_loop():
                raise InvalidOption(
                    "This Bide is open in another event loop.", hint="From another thread use bide.run(…)."
                )
            self._openers += 1
        return self

    async def open_on(self, make_store: Callable[[], Store]) -> None:
        """Open as `async with` does, but on this store instead of the URL's: what `bide.testing` builds on.

        `async with` then shares that store. Raises InvalidOption where another one is open: what is enqueued from here
        on would go there, into a real database perhaps.
        """
        async with self._opening:
            if self._opened is not None:
                raise InvalidOption(
                    "This Bide is open already, on a store of its own.",
                    hint="Enter the Harness first: what opens the app within it shares its store.",
                )
            self._opened = await _Opened.begin(make_store())
            self._openers = 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.shut()

    async def shut(self) -> None:
        """Leave what `open_on` entered."""
        async with self._opening:
            self._openers -= 1
            if self._openers == 0 and self._opened is not None:
                opened, self._opened = self._opened, None
                await opened.end()

    @asynccontextmanager
    async def worker(self, *, queues: Iterable[str] | None = None) -> AsyncGenerator[Worker]:
        """Open the store and execute jobs in this event loop, until left: then drain and stop.

        queues: by default `default` and those that the job types name as theirs. Where a job is sent to yet another by
        its options, name them all. Should the worker fail, this block is cancelled and raises why, as a TaskGroup does.
        """
        async with self:
            taken = self.registry.queues() if queues is None else tuple(queues)
            limits = {queue: limit for queue, limit in self._limits.items() if queue in taken}
            options = replace(self.settings.worker(taken), limits=limits)
            worker = Worker(self.store, self.registry, options, self.open_deps)
            worker.upkeep.pruned = self._open.cache.clear
            running = asyncio.create_task(worker.run())
            ready = asyncio.create_task(worker.ready())
            body = asyncio.current_task()
            cut = left = False

            def tell(ended: asyncio.Task[None]) -> None:
                nonlocal cut
                # Called a turn of the loop after the end: who has left the block meanwhile sees the error itself.
                if not left and body is not None and not ended.cancelled() and ended.exception() is not None:
                    cut = body.cancel()

            try:
                await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
                if ready.done():
                    running.add_done_callback(tell)
                    yield worker
            finally:
                left = True
                if cut and body is not None:
                    body.uncancel()
                # What has not begun yet may wait for a database for ever: it is cut off, there is nothing to drain.
                if not ready.done():
                    ready.cancel()
                    running.cancel()
                elif not running.done() and not worker.stopping:
                    worker.stop()
                await running

    def run(self, op: Coroutine[Any, Any, T], /) -> T:
        """Run a call of this app from synchronous code: an endpoint in a thread, or a script.

        `job = bide.run(write_post.enqueue("tea"))`. It runs on the event loop in which the app is open; if there
        is none, on one that is kept for this, in a thread. Raises InvalidOption on that event loop itself.
        """
        opened = self._opened
        loop = opened.loop if opened is not None else None
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not None and (loop is None or here is loop):
            op.close()
            raise InvalidOption("bide.run is for synchronous code.", hint="Here, await the call itself.")
        if loop is None:
            loop = self._open_apart()
        return call_on(loop, op)

    def _open_apart(self) -> asyncio.AbstractEventLoop:
        with self._portal_gate:
            if self._portal is None:
                portal = Portal()
                try:
                    portal.call(self.__aenter__())
                except BaseException:
                    portal.close()
                    raise
                self._portal = portal
            return self._portal.loop

    def close(self) -> None:
        """End what `run` began in a script. Without a call it ends with the process; nothing accepted is lost."""
        portal, self._portal = self._portal, None
        if portal is not None:
            try:
                portal.call(self.shut())
            finally:
                portal.close()

    def router(
        self,
        *,
        authorize: Authorize | None = None,
        worker: bool = True,
        limits: Limits | None = None,
        origins: Sequence[str] = (),
        name: str | None = None,
    ) -> APIRouter:
        """The HTTP API, for `app.include_router(bide.router())`, under any prefix.

        It carries its own lifespan: the app is opened, and its jobs are executed, while the server runs.

        authorize: a FastAPI dependency that says who asks and what they may, as a `bide.http.Principal`. Without one
        only this very machine is let in; `bide.http.anyone` lets in everybody. worker: False where other processes
        execute. limits: see `bide.http.Limits`. origins: of pages, beside those of the same host, that may open
        WebSockets and send what is not JSON. name: put before the operation ids, where one app includes the routers of
        several Bides.
        """
        from bide.http.router import make_router

        return make_router(self, authorize=authorize, worker=worker, limits=limits, origins=origins, name=name)

    @property
    def store(self) -> Store:
        """The open store. Raises NotStarted."""
        return self._open.store

    @property
    def _open(self) -> _Opened:
        if self._opened is None:
            raise NotStarted(
                "This Bide is not open.",
                hint="Enter it first: `async with bide:` to enqueue and read, `async with bide.worker():` to execute;"
                " in synchronous code use bide.run(…). In a FastAPI app, include bide.router() in the app that"
                " the server runs: its lifespan opens this (those of mounted apps are not run).",
            )
        return self._opened

    # ── Intake ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def enqueue(self, call: JobCall[R], /) -> Job[R]:
        """Accept one call; see `JobType.enqueue`."""
        new = self.accept(call)
        return self._inserted(new, await self._put(new, call.options.on))

    async def enqueue_row(self, call: JobCall[Any], /) -> JobRow:
        """As `enqueue`, for layers that show the stored row in their own way: no query reads it."""
        new = self.accept(call)
        stored = _stored(new, await self._put(new, call.options.on))
        if isinstance(stored, IdempotencyConflict):
            raise stored
        return stored

    async def _put(self, new: NewJob, on: object) -> Inserted:
        opened = self._open
        if on is None:
            return await opened.inserts.put(new, len(new.input))
        (answer,) = await opened.store.join(on).insert([new])
        return answer

    async def begin(self, on: object, /) -> None:
        """Begin a transaction of yours, in which jobs are enqueued: `await bide.begin(session)`.

        SQLite has one writer at a time. Begun so, you wait in line with all others, and write when it is your turn; a
        transaction that has read before it writes may be refused instead. From then on everybody waits for you, so end
        it soon. `on` is what `options(on=…)` takes, with no transaction open. PostgreSQL needs it for a connection that
        begins none by itself. You commit, or roll back.

        Raises StoreBusy after `Settings.busy_timeout`, and UnusableConnection.
        """
        await self.store.join(on).begin()

    async def enqueue_many(self, calls: Iterable[JobCall[R]], /, *, on: object = None) -> Sequence[Job[R]]:
        """Accept many calls, in order: `await bide.enqueue_many([send.call(to) for to in people])`.

        They are written in as few transactions as their size allows; each is durable when this returns. A conflict
        of idempotency keys raises after the others were accepted. on: write all of them in this transaction of yours,
        see `JobType.options`; also after a conflict it is yours to commit or to roll back.
        """
        outcomes = [self._outcome(new, answer) for new, answer in await self._insert(calls, on)]
        accepted = [outcome for outcome in outcomes if isinstance(outcome, Job)]
        for outcome in outcomes:
            if isinstance(outcome, IdempotencyConflict):
                raise outcome
        return accepted

    async def enqueue_rows(self, calls: Iterable[JobCall[Any]], /) -> Sequence[JobRow | IdempotencyConflict]:
        """As `enqueue_many`, but as `enqueue_row` does, and a conflict is the outcome of its call."""
        return [_stored(new, answer) for new, answer in await self._insert(calls)]

    async def _insert(self, calls: Iterable[JobCall[Any]], on: object = None) -> Sequence[tuple[NewJob, Inserted]]:
        taken: list[NewJob] = []
        for call in calls:
            if call.options.on is not None and call.options.on is not on:
                raise InvalidOption(
                    "A call of many has a connection of its own.", hint="Give it once: enqueue_many(calls, on=…)."
                )
            taken.append(self.accept(call))
        store = self.store
        insert = store.insert if on is None else store.join(on).insert
        answers: list[Inserted] = []
        for batch in split(taken, lambda new: len(new.input)):
            answers += await insert(batch)
        return list(zip(taken, answers, strict=True))

    def accept(self, call: JobCall[Any]) -> NewJob:
        """The row that a call would insert."""
        definition, options = call.job_type.definition, call.options
        key, owner, parent = options.idempotency_key, options.owner, None
        source = origin()
        if source is not None:
            key = key or source.key
            if key is None:
                raise InvalidOption(
                    f"{definition.name!r} is enqueued in a job, outside a step: every replay would enqueue it again.",
                    hint="Enqueue it in a step, or give it .options(idempotency_key=…).",
                )
            owner = source.owner if owner is None else owner
            parent = source.parent
        return NewJob(
            id=str(uuid_utils.uuid7()),
            type=definition.name,
            type_version=definition.version,
            queue=options.queue or definition.queue,
            priority=options.priority,
            owner=owner or "",
            max_attempts=definition.retry.max_attempts,
            timeout=None if definition.timeout is None else round(definition.timeout * 1_000_000),
            delay=round(options.delay * 1_000_000),
            idempotency_key=key,
            digest=digest(f"[{orjson.dumps(definition.name).decode()},{call.input}]") if key is not None else "",
            parent=parent,
            labels=orjson.dumps(dict(options.labels), option=orjson.OPT_SORT_KEYS).decode() if options.labels else "",
            lane=definition.lane(call.input),
            input=call.input,
        )

    def _inserted(self, new: NewJob, answer: Inserted) -> Job[Any]:
        outcome = self._outcome(new, answer)
        if isinstance(outcome, IdempotencyConflict):
            raise outcome
        return outcome

    def _outcome(self, new: NewJob, answer: Inserted) -> Job[Any] | IdempotencyConflict:
        match answer:
            case Accepted(created_at):
                return _accepted(new, created_at)
            case Existing(row):
                return self._job(row)
            case IdempotencyClash(key, job):
                return IdempotencyConflict(key, UUID(job))

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @overload
    async def get(self, job: Job[R], /, *, owner: str | None = None) -> Job[R]: ...
    @overload
    async def get(self, job: UUID | str, /, *, owner: str | None = None) -> Job[Any]: ...
    async def get(self, job: Job[Any] | UUID | str, /, *, owner: str | None = None) -> Job[Any]:
        """The job as of now. Raises NotFound, also for a job of another owner; `owner=None` sees every job."""
        return self._job(await self.row(_id(job), owner))

    async def list(
        self,
        *,
        statuses: Iterable[JobStatus] = (),
        types: Iterable[str] = (),
        queues: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        before: UUID | None = None,
        limit: int = 50,
        owner: str | None = None,
    ) -> Sequence[Job[Any]]:
        """Jobs, newest first; `before` is the id of the last one of the page before.

        `result` is None in all of them, as a page of results may be large: `get` has it. They have all of these labels,
        and were created from `created_after` on and before `created_before`, which have a time zone. Raises
        InvalidOption.
        """
        if not 1 <= limit <= PAGE:
            raise InvalidOption(f"limit={limit}: expected 1 to {PAGE}.")
        chosen = JobFilter(
            statuses=tuple(statuses),
            types=tuple(types),
            queues=tuple(queues),
            labels=tuple((labels or {}).items()),
            created_after=_moment("created_after", created_after),
            created_before=_moment("created_before", created_before),
            before=None if before is None else str(before),
            limit=limit,
        )
        return [self._job(row) for row in await self.store.list(chosen, owner)]

    async def history(
        self, job: Job[Any] | UUID | str, /, *, after: int = 0, limit: int = 1_000, owner: str | None = None
    ) -> Sequence[Event]:
        """The job's events with numbers above `after`, in order. Raises NotFound."""
        rows = await whole_history(self.store, _id(job), owner, after, limit)
        if not rows:
            await self.row(_id(job), owner)
        return [_event(row) for row in rows]

    async def events(
        self, job: Job[Any] | UUID | str, /, *, after: int = 0, owner: str | None = None
    ) -> AsyncGenerator[Event]:
        """The job's events above `after` as they happen, without gap or duplicate; ends after the terminal one.

        In a server that is about to stop it ends at once, so that streams do not keep it alive; not inside a job, which
        has its time to drain. Raises NotFound, and NotStarted when the app is closed meanwhile.
        """
        identity, opened, in_job = _id(job), self._open, inside_job()
        with self._told_of_closing(opened), opened.cache.watch(identity) as changed:
            while True:
                changed.clear()
                for event in await self.store.history(identity, owner, after, PAGE):
                    after = event.seq
                    yield _event(event)
                row = await self.row(identity, owner)
                if row.seq > after:
                    # A snapshot of a job that has been deleted elsewhere must not keep this turning.
                    self._open.cache.drop(identity)
                    continue
                if row.status.terminal or (opened.ending and not in_job):
                    return
                await self._change(changed, opened)

    async def result(self, job: Job[R], /, *, timeout: Duration | None = None) -> R:
        """Wait for the job's result.

        Raises JobFailed, JobWasCancelled, NotFound, TimeoutError, and NotStarted when the app is closed meanwhile.
        """
        async with asyncio.timeout(None if timeout is None else seconds(timeout)):
            row = await self._finished(str(job.id))
        match row.status:
            case JobStatus.COMPLETED:
                return cast("R", self._job(row, strict=True).result)
            case JobStatus.CANCELLED:
                raise JobWasCancelled(job.id)
            case _:
                error = self._job(row).error or JobError(type="Unknown", message="")
                raise JobFailed(job.id, error.type, error.message)

    async def _finished(self, job: str) -> JobRow:
        opened = self._open
        with self._told_of_closing(opened), opened.cache.watch(job) as changed:
            while True:
                changed.clear()
                row = await self.row(job, None)
                if row.status.terminal:
                    return row
                await self._change(changed, opened)

    def end_streams(self) -> None:
        """End all `events` that are followed outside of jobs: what a server does before it waits for connections.

        `bide.router()` calls it when the process is told to stop; elsewhere it is for whoever ends a server.
        """
        if self._opened is not None:
            self._opened.ending = True
            self._opened.cache.wake_all()

    async def _change(self, changed: asyncio.Event, opened: _Opened) -> None:
        await changed.wait()
        self._refuse_closed(opened)

    @contextmanager
    def _told_of_closing(self, opened: _Opened) -> Generator[None]:
        """Within, what a store says that was closed meanwhile is NotStarted."""
        try:
            yield
        except StoreError:
            self._refuse_closed(opened)
            raise

    def _refuse_closed(self, opened: _Opened) -> None:
        # It may have been opened again since: that is another store, and other watchers.
        if self._opened is not opened:
            raise NotStarted(
                "This Bide was closed while a job was waited for.",
                hint="End what waits before leaving `async with bide`; the job itself goes on.",
            )

    async def row(self, job: str, owner: str | None) -> JobRow:
        """The stored row of a job as of now, for layers that show it in their own way. Raises NotFound."""
        row = await self._open.cache.get(job)
        if row is None or (owner is not None and row.owner != owner):
            raise NotFound(f"Job {job} not found")
        return row

    def watch(self, job: str) -> AbstractContextManager[asyncio.Event]:
        """Within, an event is set at each change of the job. Clear it, then read, then wait: so no change is missed."""
        return self._open.cache.watch(job)

    def forget(self, job: str) -> None:
        """Read this job anew when it is next asked for."""
        self._open.cache.drop(job)

    def _job(self, row: JobRow, *, strict: bool = False) -> Job[Any]:
        known = self.registry.find(row.type)
        return _job(row, known.definition if known is not None else None, strict=strict)

    # ── People ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def prompts(
        self,
        job: Job[Any] | UUID | str | None = None,
        /,
        *,
        open_only: bool = True,
        after: UUID | None = None,
        limit: int = PAGE,
        owner: str | None = None,
    ) -> Sequence[PromptView]:
        """The questions of one job, or an inbox of all, oldest first. Reading them does not count as being shown.

        after: the id of the last one of the page before.
        """
        rows = await self.store.prompts(
            owner,
            job=None if job is None else _id(job),
            open_only=open_only,
            after=None if after is None else str(after),
            limit=min(limit, PAGE),
        )
        return [_prompt(row) for row in rows]

    async def prompt(self, prompt: UUID | str, /, *, owner: str | None = None) -> PromptView:
        """One question by its id. Raises NotFound."""
        rows = await self.store.prompts(owner, prompt=str(prompt))
        if not rows:
            raise NotFound(f"Prompt {prompt} not found")
        return _prompt(rows[0])

    async def show_prompts(self, job: Job[Any] | UUID | str, /, *, owner: str | None = None) -> Sequence[PromptView]:
        """The open questions of one job, oldest first, noting that they were shown to somebody. Raises NotFound."""
        return [_prompt(row) for row in await self.store.serve(_id(job), owner)]

    async def respond(
        self,
        job: Job[Any] | UUID | str,
        response: Mapping[str, Any] | BaseModel,
        /,
        *,
        prompt: UUID | str | None = None,
        by: str | None = None,
        owner: str | None = None,
        response_id: UUID | None = None,
    ) -> Receipt:
        """Answer a question of a job. The response is checked, recorded with who and when, and delivered exactly once.

        prompt: its id; without one, the job must have a single open question that was shown since it opened.
        `{"action": "cancel"}` cancels the job, unless the question's own schema has it as an answer. response_id:
        repeat it to get the same receipt after a lost reply.

        Raises NotFound, InvalidResponse (the question stays open), PromptClosed with what was recorded, NotAssigned,
        PromptAmbiguous, PromptNotServed, IdempotencyConflict for another response under the same id.
        """
        row = await self._chosen_prompt(_id(job), prompt, response_id, owner)
        if row.assignee is not None and by != row.assignee:
            raise NotAssigned(f"The question {row.key!r} is for {row.assignee!r} to answer.")
        action: Action = "answer"
        value = None
        # What is closed refuses every answer: the store tells why, or gives the receipt of this very response.
        if row.status == "open":
            action, value = read_response(row, response, self._forms)
        identity = str(response_id or uuid_utils.uuid7())
        try:
            recorded = await self.store.respond(identity, row.id, owner, action, value, _shown(by))
        except PromptClosed as closed:
            closed.response = shown(row.schema, closed.response)
            raise
        if row.status != "open" and not repeats(recorded, response):
            raise IdempotencyConflict(identity, UUID(recorded.job), "response")
        return Receipt(
            prompt_id=UUID(recorded.prompt),
            job_id=UUID(recorded.job),
            action=recorded.action,
            value=None if recorded.value is None else shown(row.schema, orjson.loads(recorded.value)),
            by=recorded.by,
            at=instant(recorded.at),
        )

    async def _chosen_prompt(
        self, job: str, prompt: UUID | str | None, response_id: UUID | None, owner: str | None
    ) -> PromptRow:
        if prompt is not None:
            rows = await self.store.prompts(owner, job=job, prompt=str(prompt))
            if not rows:
                raise NotFound(f"Job {job} has no question {prompt}")
            return rows[0]
        # Sent again, a response must not answer the next question.
        if response_id is not None and (answered := await self.store.answered_by(str(response_id), job, owner)):
            return answered
        rows = await self.store.prompts(owner, job=job, open_only=True)
        match rows:
            case []:
                if closed := await self.store.last_closed(job, owner):
                    return closed
                await self.row(job, owner)
                raise Conflict(f"Job {job} asks nothing now.", hint="It has not asked anything so far.")
            case [row]:
                if row.served_at is None:
                    raise PromptNotServed(
                        f"The question {row.key!r} was not shown to anybody since it opened.",
                        hint="Read it first, or name it by its id: this answer may be meant for an earlier one.",
                    )
                return row
            case _:
                raise PromptAmbiguous(
                    f"{len(rows)} questions of job {job} are open.",
                    hint=f"Name one by its id: {', '.join(f'{row.id} ({row.key})' for row in rows[:5])}.",
                )

    # ── Control ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @overload
    async def cancel(
        self, job: Job[R], /, *, by: str | None = None, reason: str | None = None, owner: str | None = None
    ) -> Job[R]: ...
    @overload
    async def cancel(
        self, job: UUID | str, /, *, by: str | None = None, reason: str | None = None, owner: str | None = None
    ) -> Job[Any]: ...
    async def cancel(
        self,
        job: Job[Any] | UUID | str,
        /,
        *,
        by: str | None = None,
        reason: str | None = None,
        owner: str | None = None,
    ) -> Job[Any]:
        """Cancel a job: at once where nothing runs, else its code is told. Raises NotFound, AlreadyFinished."""
        return self._job(await self.store.cancel(_id(job), owner, _shown(by), _shown(reason)))

    @overload
    async def retry(
        self, job: Job[R], /, *, by: str | None = None, idempotency_key: str | None = None, owner: str | None = None
    ) -> Job[R]: ...
    @overload
    async def retry(
        self, job: UUID | str, /, *, by: str | None = None, idempotency_key: str | None = None, owner: str | None = None
    ) -> Job[Any]: ...
    async def retry(
        self,
        job: Job[Any] | UUID | str,
        /,
        *,
        by: str | None = None,
        idempotency_key: str | None = None,
        owner: str | None = None,
    ) -> Job[Any]:
        """Run a finished job again: a new job, `forked_from` it, that keeps its recorded steps and its answers.

        Steps that failed are run again. Raises NotFound, NotFinished, IdempotencyConflict.
        """
        return await self._fork(_id(job), None, by, idempotency_key, owner)

    @overload
    async def fork(
        self,
        job: Job[R],
        /,
        *,
        after: int,
        by: str | None = None,
        idempotency_key: str | None = None,
        owner: str | None = None,
    ) -> Job[R]: ...
    @overload
    async def fork(
        self,
        job: UUID | str,
        /,
        *,
        after: int,
        by: str | None = None,
        idempotency_key: str | None = None,
        owner: str | None = None,
    ) -> Job[Any]: ...
    async def fork(
        self,
        job: Job[Any] | UUID | str,
        /,
        *,
        after: int,
        by: str | None = None,
        idempotency_key: str | None = None,
        owner: str | None = None,
    ) -> Job[Any]:
        """Go another way from some point: a new job that keeps the steps and answers recorded up to event `after`.

        So a past answer is changed: fork just before it, and answer anew. 0 keeps nothing. The job itself goes on as it
        was. Raises NotFound, InvalidOption, IdempotencyConflict.
        """
        row = await self.row(_id(job), owner)
        if not 0 <= after <= row.seq:
            raise InvalidOption(f"after={after}: the last event of the job is {row.seq}.", option="after")
        return await self._fork(row.id, after, by, idempotency_key, owner)

    async def _fork(
        self, job: str, after: int | None, by: str | None, idempotency_key: str | None, owner: str | None
    ) -> Job[Any]:
        source = origin()
        if source is not None:
            idempotency_key = idempotency_key or source.key
            if idempotency_key is None:
                raise InvalidOption(
                    f"Job {job} is forked in a job, outside a step: every replay would fork it again.",
                    hint="Fork it in a step, or give idempotency_key=….",
                )
        if idempotency_key is not None:
            check_key(idempotency_key)
        wanted = Fork(
            id=str(uuid_utils.uuid7()),
            after=after,
            by=_shown(by),
            idempotency_key=idempotency_key,
            digest=digest(f"[{orjson.dumps([job, after]).decode()}]") if idempotency_key is not None else "",
            finished=after is None,
        )
        return self._job(await self.store.fork(job, owner, wanted))

    async def delete(self, job: Job[Any] | UUID | str, /, *, owner: str | None = None) -> None:
        """Delete a finished job with all that belongs to it. Raises NotFound, NotFinished."""
        await self.store.delete(_id(job), owner)
        self._open.cache.drop(_id(job))

    async def cleanup(
        self,
        *,
        older_than: Duration,
        statuses: Iterable[JobStatus] = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED),
        owner: str | None = None,
    ) -> int:
        """Delete jobs that finished longer ago than this, in small batches; returns how many. Unfinished ones stay."""
        prunable = self._prunable(older_than, statuses)
        total = deleted = await self.store.prune(prunable, owner)
        while deleted:
            deleted = await self.store.prune(prunable, owner)
            total += deleted
        self._open.cache.clear()
        return total

    async def cleanable(
        self,
        *,
        older_than: Duration,
        statuses: Iterable[JobStatus] = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED),
        owner: str | None = None,
    ) -> int:
        """How many jobs `cleanup` would delete: by the same predicate."""
        return await self.store.count_prunable(self._prunable(older_than, statuses), owner)

    def _prunable(self, older_than: Duration, statuses: Iterable[JobStatus]) -> Prunable:
        chosen = tuple(statuses)
        unfinished = [status.value for status in chosen if not status.terminal]
        if unfinished:
            raise InvalidOption(f"Unfinished jobs are never deleted: {', '.join(unfinished)}.", option="statuses")
        return Prunable(
            before=self.store.now() - round(seconds(older_than, option="older_than") * 1_000_000), statuses=chosen
        )

    async def stats(self, *, owner: str | None = None) -> Stats:
        """Counts per status, of what is ready, and of open questions."""
        return await self.store.stats(owner)


class _Decorator(Protocol[D_co]):
    """What `bide.job(…)` returns: a function of the job's function."""

    @overload
    def __call__(self, fn: Callable[Concatenate[JobContext[D_co], P], Coroutine[Any, Any, R]], /) -> JobType[P, R]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[JobContext[D_co], P], R], /) -> JobType[P, R]: ...


class _Opened:
    """What exists while an app is open."""

    def __init__(self, store: Store) -> None:
        self.loop = asyncio.get_running_loop()
        self.store = store
        self.inserts: Batcher[NewJob, Inserted] = Batcher(store.insert, at_once=store.inserts_at_once)
        self.cache = SnapshotCache(store)
        self.ending = False
        self._unsubscribe = store.subscribe(self.cache.hint)
        self._sweeping = asyncio.create_task(self.cache.sweep_forever())

    @classmethod
    async def begin(cls, store: Store) -> Self:
        await store.open()
        return cls(store)

    async def end(self) -> None:
        self.cache.wake_all()
        await self.inserts.drain()
        self._sweeping.cancel()
        self._unsubscribe()
        await self.store.close()


# ── From rows to nouns ───────────────────────────────────────────────────────────────────────────────────────────────


def _job(row: JobRow, definition: Definition | None, *, strict: bool = False) -> Job[Any]:
    return _SNAPSHOT(
        id=UUID(row.id),
        type=row.type,
        status=row.status,
        reason=row.reason,
        queue=row.queue,
        priority=row.priority,
        owner=row.owner,
        labels={} if row.labels is None else orjson.loads(row.labels),
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        progress=_NO_PROGRESS if row.progress is None else Progress.read(row.progress),
        result=None if row.result is None else _result(row.result, definition, strict=strict),
        error=None if row.error is None else JobError.read(row.error),
        created_at=instant(row.created_at),
        due_at=_maybe(row.due_at),
        started_at=_maybe(row.started_at),
        finished_at=_maybe(row.finished_at),
        cancel_requested_at=_maybe(row.cancel_requested_at),
        parent=None if row.parent is None else UUID(row.parent),
        forked_from=None if row.forked_from is None else UUID(row.forked_from),
        seq=row.seq,
    )


def _stored(new: NewJob, answer: Inserted) -> JobRow | IdempotencyConflict:
    match answer:
        case Accepted(created_at):
            return new.row(created_at)
        case Existing(row):
            return row
        case IdempotencyClash(key, job):
            return IdempotencyConflict(key, UUID(job))


def _accepted(new: NewJob, created_at: int) -> Job[Any]:
    """What a job is that has just been accepted: `_job` of its row, without a row."""
    delay = max(new.delay, 0)
    alike = _first(
        new.type, new.queue, new.priority, new.owner, new.max_attempts, new.parent, new.labels, delayed=delay > 0
    )
    own: dict[str, Any] = {"id": UUID(new.id), "created_at": instant(created_at)}
    if delay:
        own["due_at"] = instant(created_at + delay)
    return alike.model_copy(update=own)


@lru_cache(maxsize=256)
def _first(
    kind: str,
    queue: str,
    priority: int,
    owner: str,
    max_attempts: int,
    parent: str | None,
    labels: str,
    *,
    delayed: bool,
) -> Job[Any]:
    """The snapshot of which those of jobs enqueued alike are copies: a copy takes a third of a new one."""
    return _SNAPSHOT(
        id=UUID(int=0),
        type=kind,
        status=JobStatus.PENDING,
        reason="delayed" if delayed else None,
        queue=queue,
        priority=priority,
        owner=owner,
        labels=orjson.loads(labels) if labels else {},
        attempt=0,
        max_attempts=max_attempts,
        progress=_NO_PROGRESS,
        created_at=instant(0),
        parent=None if parent is None else UUID(parent),
        seq=1,
    )


_NO_PROGRESS = Progress()
# Made once: each `Job[Any]` looks the class up again. It validates faster than `model_construct` leaves it out.
_SNAPSHOT = Job[Any]


def _result(text: str, definition: Definition | None, *, strict: bool) -> Any:
    if definition is None:
        return orjson.loads(text)
    try:
        return definition.result.decode(text)
    except InvalidPayload:
        # Written by other code. A list must not break over it; who asks for this very result is told.
        if strict:
            raise
        return orjson.loads(text)


def _event(row: EventRow) -> Event:
    return Event(
        job_id=UUID(row.job),
        seq=row.seq,
        at=instant(row.at),
        kind=row.kind,
        attempt=row.attempt,
        data={} if row.data is None else orjson.loads(row.data),
    )


def _prompt(row: PromptRow) -> PromptView:
    answer = row.response
    return PromptView(
        id=UUID(row.id),
        job_id=UUID(row.job),
        key=row.key,
        kind=row.kind,
        data=orjson.loads(row.data),
        schema_=orjson.loads(row.schema),
        status=row.status,
        assignee=row.assignee,
        deadline_at=_maybe(row.deadline_at),
        opened_at=instant(row.opened_at),
        response=None if answer is None or answer.value is None else shown(row.schema, orjson.loads(answer.value)),
        answer=None if answer is None else Response(by=answer.by, at=instant(answer.at), defaulted=answer.defaulted),
    )


def _shown(text: str | None) -> str | None:
    return None if text is None else escape(text, TEXT_LIMIT)


def _moment(what: str, at: datetime | None) -> int | None:
    if at is not None and at.tzinfo is None:
        raise InvalidOption(f"{what}={at.isoformat()}: it has no time zone.", hint="Use datetime.now(UTC), say.")
    return None if at is None else microseconds(at)


def _maybe(at: int | None) -> Any:
    return None if at is None else instant(at)


def _id(job: Job[Any] | UUID | str) -> str:
    if isinstance(job, Job):
        return str(job.id)
    try:
        return str(UUID(str(job)))
    except ValueError:
        raise NotFound(f"Job {job} not found") from None


def _of_queues(limits: Mapping[str, Limit]) -> dict[str, LaneLimit]:
    for queue, limit in limits.items():
        check_name("limits: queue", queue, QUEUE_LIMIT)
        if limit.key is not None:
            raise InvalidOption(
                f"The limit of the queue {queue!r} has a key: its jobs are of many types.",
                hint="Limit the job type instead: @bide.job(limit=Limit(…, key=…)).",
            )
    return {queue: limit.lane for queue, limit in limits.items()}


def _store_maker(url: str, settings: Settings) -> Callable[[], Store]:
    if not is_postgres(url):
        path = sqlite_path(url)
        return lambda: SQLiteStore(
            path, clock=SystemClock(), synchronous=settings.synchronous, busy_timeout=settings.busy_timeout
        )

    def make() -> Store:
        # Its driver is an extra: who uses SQLite need not have it.
        from bide.store.postgres import PostgresStore

        return PostgresStore(
            url,
            schema=settings.database_schema,
            pool=settings.pool_size,
            patience=settings.busy_timeout,
            listen_url=None if settings.listen_url is None else settings.listen_url.get_secret_value(),
            cached_statements=settings.cached_statements,
        )

    return make


def is_postgres(url: str) -> bool:
    """Whether a URL names a database of a PostgreSQL server."""
    return url.startswith(("postgresql://", "postgres://"))


def sqlite_path(url: str) -> str:
    """The file that a URL names. Raises InvalidOption."""
    scheme, separator, rest = url.partition("://")
    if scheme.startswith(("postgresql+", "postgres+")):
        driver = scheme[scheme.index("+") :]
        raise InvalidOption(
            f"{address.shown(url)!r} names a driver, and Bide has its own: leave out {driver}.",
            hint="Write postgresql://user@host/name.",
        )
    if scheme != "sqlite" or not separator or not rest.startswith("/") or rest == "/" or "?" in rest:
        # A file has no password, but what is no file may be the address of a server.
        raise InvalidOption(
            f"{url if scheme == 'sqlite' else address.shown(url)!r} is not a database that Bide can use.",
            hint="Write sqlite:///jobs.db for a file here, sqlite:////var/lib/jobs.db for one anywhere,"
            " postgresql://user@host/name for a database of a server.",
        )
    if rest == "/:memory:":
        raise InvalidOption("A database in memory keeps nothing.", hint="Name a file: sqlite:///jobs.db.")
    return rest[1:]
