"""The jobs that are measured, and what a run of them must have left in the database to count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from bench.jobs import CHUNK
from bench.marks import Marks
from bench.postgres.database import Database
from bench.postgres.server import query
from bide import Bide, Confirm, JobContext, JobType, Proceed
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import Connection, connect

T = TypeVar("T")

FINISHED = "select count(*) from bide.job where finished_at is not null"

WAITING = "select count(*) from bide.job where status = 'pending_hitl'"

ALIVE = "select count(*) from bide.worker where dead_at is null"

ACCEPTED = """
select (select count(*) from bide.job where status = 'pending' and ready),
    (select count(*) from bide.event where seq = 1 and kind = 'job.enqueued')
"""

COMPLETED = "select count(*), count(result) from bide.job where status = 'completed'"

HISTORIES = """
select count(*), count(*) filter (where events <> {events} or first <> 1 or last <> events) from (
    select job, count(*) as events, min(seq) as first, max(seq) as last from bide.event group by job
) as history
"""


class Recorder:
    """When each job's first line ran, for whoever measures, in this process or another."""

    def __init__(self) -> None:
        self._marks: Marks | None = None

    def share(self, path: Path) -> None:
        self._marks = Marks(path)

    def ran(self, n: int) -> None:
        if self._marks is not None:
            self._marks.mark(n)


recorder = Recorder()


async def noop(_ctx: JobContext[None], n: int) -> int:
    recorder.ran(n)
    return n


async def asking(ctx: JobContext[None], n: int) -> int:
    decision = await ctx.ask("go-on", Confirm(summary="Go on?"))
    assert isinstance(decision, Proceed)
    recorder.ran(n)
    return n


class App:
    """A `Bide` on a database, with the measured job types and its defaults."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bide = Bide(url)
        self.noop: JobType[[int], int] = self.bide.job(noop)
        self.asking: JobType[[int], int] = self.bide.job(asking)

    async def fill(self, count: int) -> None:
        """Enqueue so many, and let the database know what it holds."""
        for start in range(0, count, CHUNK):
            await self.bide.enqueue_many(self.noop.call(n) for n in range(start, min(start + CHUNK, count)))

    async def until(self, counted: str, count: int) -> None:
        """Wait until this query counts so many: no part of what is measured should say when it is over."""
        db = await connect(self.url)
        try:
            while True:
                if (await db.fetch(counted))[0][0] >= count:
                    return
                await asyncio.sleep(0.005)
        finally:
            await db.close()

    async def registered(self) -> None:
        """Wait until a worker works."""
        await self.until(ALIVE, 1)


async def verify_accepted(url: str, count: int) -> None:
    """Refuse the measurement unless so many jobs were accepted, each with its event."""
    found = await _counted(url, ACCEPTED)
    assert found == (count, count), f"{count} jobs were enqueued, but there are jobs and events: {found}"


async def verify(url: str, *, completed: int, events: int) -> None:
    """Refuse the measurement unless all jobs completed, with a result and a gapless history."""
    found = await _counted(url, COMPLETED)
    assert found == (completed, completed), f"{completed} jobs, but completed and with a result: {found}"
    whole = await _counted(url, HISTORIES.format(events=events))
    assert whole == (completed, 0), f"{completed} jobs, but histories and among them not whole: {whole}"


async def _counted(url: str, statement: str) -> tuple[int, ...]:
    return tuple((await query(url, statement))[0])


async def settle_down(url: str) -> None:
    """What was filled in is on the disk, and the planner knows of it."""
    db = await connect(url)
    try:
        await db.execute("vacuum analyze")
        await db.execute("checkpoint")
    finally:
        await db.close()


@asynccontextmanager
async def durable(app: App) -> AsyncGenerator[None]:
    """Open the app, and in the end ask its own writing connection whether each commit was to wait for the disk."""
    store = PostgresStore(app.url)
    await app.bide.open_on(lambda: store)
    try:
        yield
        async with store.database.writes.take() as db:
            level = await _shown(db)
        assert level == ("on", "on"), f"fsync and synchronous_commit are not on, but {level}"
    finally:
        await app.bide.shut()


async def _shown(db: Connection) -> tuple[str, str]:
    ((fsync, commit),) = await db.fetch("select current_setting('fsync'), current_setting('synchronous_commit')")
    return fsync, commit


def measure(body: Callable[[App], Coroutine[Any, Any, T]], database: Database, *, noops: int = 0) -> T:
    """Run `body` with an open app; before, enqueue so many jobs that do nothing."""

    async def measured() -> T:
        app = App(database.url)
        async with durable(app):
            if noops:
                await app.fill(noops)
                await settle_down(app.url)
            return await body(app)

    return asyncio.run(measured())
