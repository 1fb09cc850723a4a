"""The PostgreSQL store: the verbs of the contract, each on the connection that is kept for its kind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakSet

from bide.batch import Batcher
from bide.errors import StoreUnavailable
from bide.store.base import (
    NOTHING,
    Action,
    Beat,
    Changes,
    Claim,
    Clock,
    Demand,
    EventRow,
    Fact,
    Feed,
    Fork,
    Hint,
    Inserted,
    JobFilter,
    JobRow,
    NewJob,
    NewPrompt,
    PromptRow,
    Prunable,
    ResponseRow,
    Settle,
    Settled,
    Stats,
    StepRow,
    Timed,
    WorkerRow,
)
from bide.store.postgres import forking, intake, liveness, people, reading, running, settling, upkeep
from bide.store.postgres.clock import DatabaseClock
from bide.store.postgres.database import INTAKE, Database
from bide.store.postgres.driver import is_pooled
from bide.store.postgres.joined import Joined
from bide.store.postgres.migrations import HEAD, SCHEMA, schema_name
from bide.store.postgres.migrations import run as migrations
from bide.store.postgres.migrations.stamp import stamp_of
from bide.store.postgres.rows import job_rows
from bide.store.postgres.running import Recording
from bide.store.postgres.wake import Wakes
from bide.store.schema import refuse_other

CACHED_STATEMENTS = 100
"""Kept prepared for each connection to the server itself."""


class _Opened:
    """What exists while a store is open."""

    def __init__(self, database: Database, wakes: Wakes) -> None:
        self.database = database
        self.wakes = wakes
        self.known: WeakSet[Any] = WeakSet()
        """Connections of callers that have been seen to be of this database."""
        self.records: Batcher[Recording, bool] = Batcher(lambda steps: running.record(database, steps))

    async def remember(self, recording: Recording) -> bool:
        return await self.records.put(recording, len(recording.step.result or ""))


class PostgresStore:
    """Jobs in the PostgreSQL database at `url`. Constructing it opens nothing; opening it creates nothing.

    Any number of processes, and of stores in one process, may share the database. `schema` is where the tables are.
    `pool` connections at most are for reading and for what people do; beside them a store keeps two for jobs that are
    accepted, one for what their execution writes, one for heartbeats, and one to listen on. `patience`, seconds, is how
    long a call waits for the database before it is refused.

    Behind a pooler, which may hand out a connection for a transaction only, nothing is left in a session: no statement
    is kept prepared, unless `cached_statements` says how many, and no notification is heard, unless `listen_url` says
    where a session is one: as a rule the database itself.

    Without a clock the time is the database's, as far as this process has learnt it: see `DatabaseClock`.
    """

    inserts_at_once: ClassVar[int] = INTAKE

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        schema: str = SCHEMA,
        pool: int = 5,
        patience: float = 10.0,
        listen_url: str | None = None,
        cached_statements: int | None = None,
    ) -> None:
        self.url = url
        self.schema = schema_name(schema)
        self._clock = clock or DatabaseClock()
        self._pool = pool
        self._patience = patience
        self._listen_url = listen_url
        self._cached_statements = cached_statements
        self._opened: _Opened | None = None
        self._marks = itertools.count()

    async def open(self) -> None:
        async with migrations.connected(self.url) as db:
            refuse_other(await stamp_of(db, self.schema), HEAD)
            pooled = await is_pooled(db)
        cached = self._cached_statements
        if cached is None:
            cached = 0 if pooled else CACHED_STATEMENTS
        clock = self._clock
        wakes = Wakes(
            self._listen_url or self.url,
            self.schema,
            clock if isinstance(clock, DatabaseClock) else None,
            listens=self._listen_url is not None or not pooled,
            instead=self.url,
        )
        database = Database(
            self.url,
            self.schema,
            clock,
            wakes,
            pool=self._pool,
            patience=self._patience,
            cached_statements=cached,
        )
        try:
            await wakes.begin()
        except BaseException:
            await wakes.close()
            raise
        self._opened = _Opened(database, wakes)

    async def close(self) -> None:
        if self._opened is None:
            return
        opened, self._opened = self._opened, None
        # A step of a job whose row somebody keeps locked is not waited for: it is not remembered, and runs again.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await opened.records.drain()
        try:
            await opened.database.close()
        finally:
            await opened.wakes.close()

    @property
    def database(self) -> Database:
        """Its connections. Raises StoreUnavailable."""
        return self._parts.database

    @property
    def _parts(self) -> _Opened:
        if self._opened is None:
            raise StoreUnavailable("The database is not open.", hint="Call open() first.")
        return self._opened

    def now(self) -> int:
        return self._clock.now()

    def subscribe(self, wake: Callable[[Hint], None]) -> Callable[[], None]:
        return self._parts.wakes.subscribe(wake)

    def join(self, on: object) -> Joined:
        opened = self._parts
        return Joined(on, opened.database, self.schema, opened.known)

    # Intake

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        return await intake.insert(self.database, jobs)

    async def fork(self, job: str, owner: str | None, fork: Fork) -> JobRow:
        return await self.database.write(forking.fork(job, owner, fork))

    # Executing

    async def settle_and_claim(
        self,
        worker: str,
        settles: Sequence[Settle],
        demands: Sequence[Demand],
        *,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Sequence[Settled], Sequence[Claim]]:
        loop = asyncio.get_running_loop()

        def at_work() -> None:
            nonlocal meanwhile
            begin, meanwhile = meanwhile, None
            if begin is not None:
                loop.call_soon_threadsafe(begin)

        if self.database.writes.busy:
            at_work()
        return await settling.turn(self.database, worker, settles, demands, at_work)

    async def record(self, job: str, lease: int, step: StepRow, data: str) -> None:
        opened, recording = self._parts, Recording(job, lease, step, data)
        if not await opened.database.at_home(lambda: opened.remember(recording)):
            raise running.lease_lost(job, lease)

    async def recorded(self, job: str, name: str, key: str) -> bool:
        return await self.database.write(running.recorded(job, name, key))

    async def step_result(self, job: str, name: str, key: str) -> str:
        return await self.database.read(reading.step_result(job, name, key))

    async def emitters(self, job: str) -> Collection[tuple[str, str]]:
        return await self.database.read(reading.emitters(job))

    async def ask(self, job: str, lease: int, prompt: NewPrompt) -> PromptRow:
        return await self.database.write(running.ask(job, lease, prompt))

    async def note(self, facts: Sequence[Fact]) -> Sequence[bool | None]:
        return await running.note(self.database, facts)

    # Liveness

    async def register(self, worker: WorkerRow) -> None:
        await self.database.keep_alive(liveness.register(worker))

    async def beat(self, worker: str) -> Beat:
        return await self.database.keep_alive(liveness.beat(worker))

    async def cancels(self, worker: str) -> Collection[str]:
        return await self.database.read(reading.cancels(worker))

    async def retire(self, worker: str, executed: Mapping[str, int] = NOTHING) -> None:
        await liveness.retire(self.database, worker, executed)

    async def release(self, jobs: Mapping[str, int], executed: Mapping[str, int] = NOTHING) -> None:
        await liveness.release(self.database, jobs, executed)

    async def workers(self) -> Sequence[WorkerRow]:
        return await self.database.read(reading.workers)

    def gone(self, worker: WorkerRow) -> bool:  # noqa: ARG002 - the contract's signature
        # It may be on any host: only that its counter stands still tells.
        return False

    async def rescue(self, dead: Collection[str]) -> int:
        return await self.database.keep_alive(liveness.rescue(dead))

    async def timed(self) -> Sequence[Timed]:
        return await self.database.read(reading.timed)

    async def overdue(self, jobs: Mapping[str, int]) -> int:
        return await self.database.write(liveness.overdue(jobs))

    # Upkeep

    async def wake_due(self) -> int:
        return await self.database.write(upkeep.wake_due)

    async def expire(self) -> int:
        return await self.database.write(upkeep.expire)

    async def promote(self, waited: int) -> int:
        return await self.database.write(upkeep.promote(waited))

    async def forget_permits(self) -> int:
        return await self.database.write(upkeep.forget_permits)

    async def next_due(self) -> int | None:
        return await self.database.read(reading.next_due)

    # People and control

    async def serve(self, job: str, owner: str | None) -> Sequence[PromptRow]:
        # Pages ask again and again: only who is shown a question first writes.
        shown = await self.database.read(reading.served(job, owner))
        return await self.database.write(people.serve(job, owner)) if shown is None else shown

    async def respond(
        self, response: str, prompt: str, owner: str | None, action: Action, value: str | None, by: str | None
    ) -> ResponseRow:
        receipt = await self.database.read(people.heard(response, prompt, owner))
        if receipt is not None:
            return receipt
        return await self.database.write(people.respond(response, prompt, owner, action, value, by))

    async def cancel(self, job: str, owner: str | None, by: str | None, reason: str | None) -> JobRow:
        return await self.database.write(people.cancel(job, owner, by, reason))

    async def delete(self, job: str, owner: str | None) -> None:
        await self.database.write(upkeep.delete(job, owner))

    async def prune(self, prunable: Prunable, owner: str | None, limit: int = 500) -> int:
        return await self.database.write(upkeep.prune(prunable, owner, limit))

    # Reading

    async def get(self, jobs: Sequence[str], owner: str | None) -> Sequence[JobRow]:
        return await self.database.read(lambda tx: job_rows(tx, jobs, owner))

    async def list(self, filter: JobFilter, owner: str | None) -> Sequence[JobRow]:
        return await self.database.read(reading.list_jobs(filter, owner))

    async def history(self, job: str, owner: str | None, after: int, limit: int) -> Sequence[EventRow]:
        return await self.database.read(reading.history(job, owner, after, limit))

    async def prompts(
        self,
        owner: str | None,
        *,
        job: str | None = None,
        prompt: str | None = None,
        open_only: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[PromptRow]:
        return await self.database.read(reading.prompts(owner, job, prompt, open_only, after, limit))

    async def answered_by(self, response: str, job: str, owner: str | None) -> PromptRow | None:
        return await self.database.read(reading.answered_by(response, job, owner))

    async def last_closed(self, job: str, owner: str | None) -> PromptRow | None:
        return await self.database.read(reading.last_closed(job, owner))

    async def steps(self, job: str, owner: str | None) -> Sequence[StepRow]:
        return await self.database.read(reading.steps(job, owner))

    async def orphans(self) -> Sequence[str]:
        return await self.database.read(reading.orphans)

    async def stats(self, owner: str | None) -> Stats:
        return await self.database.read(reading.stats(owner))

    async def count_prunable(self, prunable: Prunable, owner: str | None) -> int:
        return await self.database.read(reading.count_prunable(prunable, owner))

    async def feed(self, after: int, owners: Collection[str] | None, limit: int = 1_000) -> Feed:
        return await self.database.read(reading.feed(after, owners, limit))

    def mark(self) -> int:
        # Another process may have committed a moment ago, and its notification be on the way: only the database knows.
        # So it differs at every call, and readers join in one look at what has changed.
        return next(self._marks)

    async def changes(self, since: int) -> Changes:
        return await self.database.read(reading.changes(since))
