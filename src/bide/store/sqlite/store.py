"""The SQLite store: the verbs of the contract, each handed to the writing thread or to a reading one."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal
from weakref import WeakSet

from bide.clock import SystemClock
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
from bide.store.schema import refuse_newer
from bide.store.sqlite import forking, intake, liveness, people, reading, running, upkeep
from bide.store.sqlite.checkpoint import warn_of_old_engine
from bide.store.sqlite.joined import Joined
from bide.store.sqlite.lifelines import Lifelines
from bide.store.sqlite.migrations import HEAD
from bide.store.sqlite.reader import Readers
from bide.store.sqlite.rows import job_rows
from bide.store.sqlite.runtime import runtime_folder
from bide.store.sqlite.turning import turn
from bide.store.sqlite.wake import Wakes
from bide.store.sqlite.writer import Writer

LONG = 16
"""Ends of runs in one call above which it counts as a long transaction."""

log = logging.getLogger("bide.store")

OLDEST_ENGINE = (3, 38, 0)
"""The first SQLite with the JSON operators."""


class SQLiteStore:
    """Jobs in the SQLite file at `path`, on a local disk. Constructing it opens nothing.

    Any number of processes, and of stores in one process, may share the file. `synchronous` is SQLite's: FULL keeps
    every acknowledged write through a power failure, NORMAL may lose the last ones then, and is as safe otherwise.
    `busy_timeout`, seconds, is how long a write waits for others before it is refused as busy.

    `connect` makes the connections and is for tests of crashes: a subclass of `sqlite3.Connection` given as its
    `factory` sees every statement, BEGIN and COMMIT as `execute` calls, and may end the process or raise around them.
    """

    inserts_at_once: ClassVar[int] = 1
    """One writes at a time."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock | None = None,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout: float = 10.0,
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
    ) -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100 - the text is what the locks beside it are named by
        self._clock = clock or SystemClock()
        self._synchronous = synchronous
        self._busy_timeout = busy_timeout
        self._connect = connect
        self._opened: tuple[Writer, Readers, Wakes, Lifelines] | None = None
        self._told: WeakSet[Any] = WeakSet()
        """Sessions of callers whose commits are told of."""

    async def open(self) -> None:
        if sqlite3.sqlite_version_info < OLDEST_ENGINE:
            raise StoreUnavailable(
                f"Python was built with SQLite {sqlite3.sqlite_version}, and Bide needs 3.38.",
                hint="Use a newer build of Python.",
            )
        folder = runtime_folder(self.path)
        if folder is None:
            log.warning("no safe runtime folder: processes find each other's writes by polling, 5 times a second")
        wakes = Wakes(folder)
        writer = Writer(
            self.path,
            self._clock,
            wakes,
            connect=self._connect,
            synchronous=self._synchronous,
            busy_timeout=self._busy_timeout,
            prepare=self._migrate,
        )
        try:
            await writer.open()
        except BaseException:
            wakes.close()
            raise
        self._opened = writer, Readers(self.path, self._busy_timeout, self._connect), wakes, Lifelines(folder)

    async def close(self) -> None:
        if self._opened is None:
            return
        (writer, readers, wakes, lifelines), self._opened = self._opened, None
        # The readers first: the last connection to go takes the WAL with it, and that must be one that may write.
        await readers.close()
        await writer.close()
        wakes.close()
        lifelines.close()

    def _migrate(self) -> None:
        """In the writing thread. Alembic is imported only where there is something to do."""
        from bide.store.sqlite.migrations.stamp import read_stamp

        stamp = read_stamp(self.path)
        refuse_newer(stamp, HEAD)
        if stamp != HEAD:
            from bide.store.sqlite.migrations.run import up

            up(self.path)

    @property
    def _writer(self) -> Writer:
        return self._parts[0]

    @property
    def _readers(self) -> Readers:
        return self._parts[1]

    @property
    def _parts(self) -> tuple[Writer, Readers, Wakes, Lifelines]:
        if self._opened is None:
            raise StoreUnavailable(f"{self.path} is not open.", hint="Call open() first.")
        return self._opened

    def now(self) -> int:
        return self._clock.now()

    def subscribe(self, wake: Callable[[Hint], None]) -> Callable[[], None]:
        return self._parts[2].subscribe(wake)

    def join(self, on: object) -> Joined:
        wakes = self._parts[2]
        return Joined(on, self.path, self._clock, wakes, self._told, patience=self._busy_timeout)

    # Intake

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        return await self._writer.submit(intake.insert(jobs))

    async def fork(self, job: str, owner: str | None, fork: Fork) -> JobRow:
        return await self._writer.submit(forking.fork(job, owner, fork))

    # Executing

    async def settle_and_claim(
        self,
        worker: str,
        settles: Sequence[Settle],
        demands: Sequence[Demand],
        *,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Sequence[Settled], Sequence[Claim]]:
        return await self._writer.submit(
            lambda tx: turn(tx, worker, settles, demands), long=len(settles) > LONG, meanwhile=meanwhile
        )

    async def record(self, job: str, lease: int, step: StepRow, data: str) -> None:
        await self._writer.submit(running.record(job, lease, step, data))

    async def recorded(self, job: str, name: str, key: str) -> bool:
        # In a transaction that writes: it begins when no other one is under way.
        return await self._writer.submit(running.recorded(job, name, key))

    async def step_result(self, job: str, name: str, key: str) -> str:
        return await self._readers.read(reading.step_result(job, name, key))

    async def emitters(self, job: str) -> Collection[tuple[str, str]]:
        return await self._readers.read(reading.emitters(job))

    async def ask(self, job: str, lease: int, prompt: NewPrompt) -> PromptRow:
        return await self._writer.submit(running.ask(job, lease, prompt))

    async def note(self, facts: Sequence[Fact]) -> Sequence[bool]:
        return await self._writer.submit(running.note(facts)) if facts else []

    # Liveness

    async def register(self, worker: WorkerRow) -> None:
        writer, _, _, lifelines = self._parts
        warn_of_old_engine()
        lifelines.hold(worker.id)
        try:
            await writer.submit(liveness.register(worker))
        except BaseException:
            lifelines.drop(worker.id)
            raise

    async def beat(self, worker: str) -> Beat:
        return await self._writer.submit(liveness.beat(worker))

    async def cancels(self, worker: str) -> Collection[str]:
        return await self._readers.read(reading.cancels(worker))

    async def retire(self, worker: str, executed: Mapping[str, int] = NOTHING) -> None:
        writer, _, _, lifelines = self._parts
        await writer.submit(liveness.retire(worker, executed))
        lifelines.drop(worker)

    async def release(self, jobs: Mapping[str, int], executed: Mapping[str, int] = NOTHING) -> None:
        await self._writer.submit(liveness.release(jobs, executed))

    async def workers(self) -> Sequence[WorkerRow]:
        return await self._readers.read(reading.workers)

    def gone(self, worker: WorkerRow) -> bool:
        return self._parts[3].gone(worker)

    async def rescue(self, dead: Collection[str]) -> int:
        return await self._writer.submit(liveness.rescue(dead))

    async def timed(self) -> Sequence[Timed]:
        return await self._readers.read(reading.timed)

    async def overdue(self, jobs: Mapping[str, int]) -> int:
        return await self._writer.submit(liveness.overdue(jobs))

    # Upkeep

    async def wake_due(self) -> int:
        return await self._writer.submit(upkeep.wake_due)

    async def expire(self) -> int:
        return await self._writer.submit(upkeep.expire)

    async def promote(self, waited: int) -> int:
        return await self._writer.submit(upkeep.promote(waited))

    async def forget_permits(self) -> int:
        return await self._writer.submit(upkeep.forget_permits)

    async def next_due(self) -> int | None:
        return await self._readers.read(reading.next_due(self.now()))

    # People and control

    async def serve(self, job: str, owner: str | None) -> Sequence[PromptRow]:
        # Pages ask again and again: only who is shown a question first writes.
        shown = await self._readers.read(reading.served(job, owner))
        return await self._writer.submit(people.serve(job, owner)) if shown is None else shown

    async def respond(
        self, response: str, prompt: str, owner: str | None, action: Action, value: str | None, by: str | None
    ) -> ResponseRow:
        return await self._writer.submit(people.respond(response, prompt, owner, action, value, by))

    async def cancel(self, job: str, owner: str | None, by: str | None, reason: str | None) -> JobRow:
        return await self._writer.submit(people.cancel(job, owner, by, reason))

    async def delete(self, job: str, owner: str | None) -> None:
        await self._writer.submit(upkeep.delete(job, owner))

    async def prune(self, prunable: Prunable, owner: str | None, limit: int = 500) -> int:
        return await self._writer.submit(upkeep.prune(prunable, owner, limit))

    # Reading

    async def get(self, jobs: Sequence[str], owner: str | None) -> Sequence[JobRow]:
        return await self._readers.read(lambda db: job_rows(db, jobs, owner))

    async def list(self, filter: JobFilter, owner: str | None) -> Sequence[JobRow]:
        return await self._readers.read(reading.list_jobs(filter, owner))

    async def history(self, job: str, owner: str | None, after: int, limit: int) -> Sequence[EventRow]:
        return await self._readers.read(reading.history(job, owner, after, limit))

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
        return await self._readers.read(reading.prompts(owner, job, prompt, open_only, after, limit))

    async def answered_by(self, response: str, job: str, owner: str | None) -> PromptRow | None:
        return await self._readers.read(reading.answered_by(response, job, owner))

    async def last_closed(self, job: str, owner: str | None) -> PromptRow | None:
        return await self._readers.read(reading.last_closed(job, owner))

    async def steps(self, job: str, owner: str | None) -> Sequence[StepRow]:
        return await self._readers.read(reading.steps(job, owner))

    async def orphans(self) -> Sequence[str]:
        return await self._readers.read(reading.orphans)

    async def stats(self, owner: str | None) -> Stats:
        return await self._readers.read(reading.stats(owner))

    async def count_prunable(self, prunable: Prunable, owner: str | None) -> int:
        return await self._readers.read(reading.count_prunable(prunable, owner))

    async def feed(self, after: int, owners: Collection[str] | None, limit: int = 1_000) -> Feed:
        return await self._readers.read(reading.feed(after, owners, limit))

    def mark(self) -> int:
        return self._readers.mark()

    async def changes(self, since: int) -> Changes:
        return await self._readers.read(reading.changes(since))
