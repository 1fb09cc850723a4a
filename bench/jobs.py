"""The jobs that are measured, and what a run of them must have left in the database to count."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

from bide import Bide, Confirm, JobContext, JobType, Proceed, Settings
from bide.store.sqlite import SQLiteStore

T = TypeVar("T")

CHUNK = 5_000

SLOTS = 200
"""Of a worker, by default."""


class Recorder:
    """What jobs tell the measurement of their own process: when each one's first line ran, and how many have run."""

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        self.count = 0
        self.expected = 0
        self.reached = asyncio.Event()

    def expect(self, count: int) -> None:
        """`reached` is set once this many more have run."""
        self.expected = self.count + count
        self.reached = asyncio.Event()

    def ran(self, n: int) -> None:
        self.seen[n] = time.perf_counter()
        self.count += 1
        if self.count == self.expected:
            self.reached.set()


recorder = Recorder()
"""What ran in this process."""


async def noop(_ctx: JobContext[None], n: int) -> int:
    recorder.ran(n)
    return n


async def one() -> int:
    return 1


async def stepped(ctx: JobContext[None], n: int) -> int:
    total = 0
    for key in range(3):
        total += await ctx.options(key=key).step(one)
    recorder.ran(n)
    return total


async def asking(ctx: JobContext[None], n: int) -> int:
    decision = await ctx.ask("go-on", Confirm(summary="Go on?"))
    assert isinstance(decision, Proceed)
    recorder.ran(n)
    return n


class App:
    """A `Bide` on a file, with the measured job types: its defaults, every commit on the disk."""

    def __init__(self, path: Path, slots: int = SLOTS) -> None:
        self.path = path
        self.bide = Bide(f"sqlite:///{path}", settings=Settings(synchronous="FULL", slots=slots))
        self.noop: JobType[[int], int] = self.bide.job(noop)
        self.stepped: JobType[[int], int] = self.bide.job(stepped)
        self.asking: JobType[[int], int] = self.bide.job(asking)
        self.types = {"noop": self.noop, "stepped": self.stepped, "asking": self.asking}

    async def finished(self, count: int) -> None:
        """Wait until so many jobs have finished, as anybody can read it from the file."""
        with _reading(self.path) as db:
            await _until(lambda: finished(db) >= count)

    async def waiting(self, count: int) -> None:
        """Wait until so many jobs wait for a person."""
        with _reading(self.path) as db:
            await _until(lambda: _waiting(db) >= count)

    def verify(self, *, completed: int, events: int) -> None:
        """Refuse the measurement unless all jobs completed, with a result and a gapless history."""
        with _reading(self.path) as db:
            jobs = db.execute("select count(*), count(result) from bide_job where status = 'completed'").fetchone()
            assert jobs == (completed, completed), f"{completed} jobs, but completed and with a result: {jobs}"
            odd = db.execute(
                "select count(*) from (select 1 from bide_event group by job"
                " having count(*) <> ? or min(seq) <> 1 or max(seq) <> count(*))",
                (events,),
            ).fetchone()
            histories = db.execute("select count(distinct job) from bide_event").fetchone()
            assert (odd, histories) == ((0,), (completed,)), f"histories that are not whole: {odd} of {histories}"


def finished(db: sqlite3.Connection) -> int:
    found: int = db.execute("select count(*) from bide_job where finished_at is not null").fetchone()[0]
    return found


def _waiting(db: sqlite3.Connection) -> int:
    found: int = db.execute("select count(*) from bide_job where status = 'pending_hitl'").fetchone()[0]
    return found


async def _until(done: Callable[[], bool]) -> None:
    """Look every millisecond: at the file itself, as no part of what is measured should say when it is over."""
    while True:
        if done():
            return
        await asyncio.sleep(0.001)


def _reading(path: Path) -> closing[sqlite3.Connection]:
    """A connection of the measurement's own."""
    return closing(sqlite3.connect(path, isolation_level=None, timeout=10))


@asynccontextmanager
async def _durable(app: App) -> AsyncGenerator[None]:
    """Open the app, and in the end ask its own writing connections whether each commit was to wait for the disk."""
    connections: list[sqlite3.Connection] = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connections.append(sqlite3.connect(*arguments, **options))
        return connections[-1]

    store = SQLiteStore(app.path, synchronous=app.bide.settings.synchronous, connect=connect)
    await app.bide.open_on(lambda: store)
    try:
        yield
        writing = [db for db in connections if db.execute("pragma query_only").fetchone() == (0,)]
        levels = {db.execute("pragma synchronous").fetchone() for db in writing}
        assert levels == {(2,)}, f"synchronous is not FULL, but {levels}"
    finally:
        await app.bide.shut()


def measure(body: Callable[[App], Coroutine[Any, Any, T]], folder: Path, *, slots: int = SLOTS, **jobs: int) -> T:
    """Run `body` with an open app on the folder's file; before, enqueue so many jobs of these types.

    It is closed in between, so that what is measured begins with an empty write-ahead log, as the bare loops do.
    """

    async def fill() -> None:
        app = App(folder / "jobs.db")
        async with app.bide:
            for name, count in jobs.items():
                for start in range(0, count, CHUNK):
                    calls = [app.types[name].call(n) for n in range(start, min(start + CHUNK, count))]
                    await app.bide.enqueue_many(calls)

    async def measured() -> T:
        app = App(folder / "jobs.db", slots)
        async with _durable(app):
            return await body(app)

    asyncio.run(fill())
    return asyncio.run(measured())
