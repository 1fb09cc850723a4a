"""What tests share that start real workers: a process to kill, and ways to wait for facts instead of times."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import psutil
import psycopg

from bide import Bide, Event, Job, Settings
from bide.store.base import Clock, Store
from bide.store.postgres import PostgresStore
from bide.store.sqlite import SQLiteStore
from bide.store.sqlite.filelock import FileLock, lock_path
from bide.worker import Worker

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent

PATIENCE = 30.0
"""Seconds after which a fact that was waited for counts as one that will not come."""


class WorkerProcess:
    """`bide worker` in a process of its own, for the app that `target` names: `with WorkerProcess(…) as worker:`.

    `folder` is handed to the app as the environment's `BIDE_TEST_FOLDER`; `settings` are fields of `Settings`. What it
    logs is in `log`. Left while it still runs, it is killed.
    """

    def __init__(self, target: str, folder: Path, **settings: object) -> None:
        self.target = target
        self.log = folder / f"worker-{os.urandom(3).hex()}.log"
        self._environment = {
            **os.environ,
            **{f"BIDE_{name.upper()}": str(value) for name, value in settings.items()},
            "BIDE_TEST_FOLDER": str(folder),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bide.cli", "worker", self.target],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "enter it first"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def pause(self, url: str) -> None:
        """SIGSTOP, outside a transaction: one that is stopped in the middle of it holds up other writers."""
        async with asyncio.timeout(PATIENCE):
            while True:
                with writes_held(url):
                    self.send(signal.SIGSTOP)
                    await holds(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
                    if is_file(url) or not _any_statement_runs(url):
                        return
                    self.send(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self.send(signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL

    async def ended(self) -> int:
        """Wait for its exit code."""
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    async def ready(self) -> None:
        """Wait until it claims."""
        await holds(lambda: "is ready" in self.log.read_text(errors="replace"))


@contextmanager
def writes_held(url: str) -> Generator[None]:
    """Keep every process of Bide from writing to this database meanwhile: none of them is inside a transaction."""
    if not is_file(url):
        with psycopg.connect(url) as db:
            db.execute("lock table bide.worker, bide.job in exclusive mode")
            yield
        return
    lock = FileLock(lock_path(str(file_of(url))))
    try:
        with lock:
            yield
    finally:
        lock.close()


def _any_statement_runs(url: str) -> bool:
    """Whether one was sent, by whomever, and not answered: it may wait for its tables, and keeps them once it has them,
    until its process goes on."""
    with psycopg.connect(url) as db:
        of_others = "datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        running = db.execute(f"select from pg_stat_activity where {of_others} and state = 'active'")
        return running.fetchone() is not None


def is_file(url: str) -> bool:
    """Whether this is the address of an SQLite file; else it is that of a PostgreSQL."""
    return url.startswith("sqlite")


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def store_at(url: str, clock: Clock | None = None) -> Store:
    """A store of the database at this address."""
    if is_file(url):
        return SQLiteStore(file_of(url), clock=clock, synchronous="NORMAL")
    return PostgresStore(url, clock=clock)


async def holds(fact: Callable[[], bool]) -> None:
    """Wait until `fact()` is true, of something that cannot be subscribed to: a file, an attribute."""
    async with asyncio.timeout(PATIENCE):
        while not fact():  # noqa: ASYNC110 - it cannot be subscribed to
            await asyncio.sleep(0.01)


async def comes(fact: Callable[[], Awaitable[T]]) -> T:
    """Wait until what `fact()` finds is true, of something that has to be asked for; returns it."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await fact()):  # noqa: ASYNC110 - it cannot be subscribed to
            await asyncio.sleep(0.01)
    return found


async def until(bide: Bide[Any], job: Job[Any] | UUID, kind: str, *, times: int = 1) -> Event:
    """Wait until the job's history has this event so many times; returns the last of them."""
    seen = 0
    async with asyncio.timeout(PATIENCE):
        async for event in bide.events(job):
            seen += event.kind == kind
            if seen == times:
                return event
    raise AssertionError(f"the job ended, and {kind} happened {seen} times instead of {times}: {await told(bide, job)}")


async def told(bide: Bide[Any], job: Job[Any] | UUID) -> list[str]:
    """The kinds of the job's events so far."""
    return [event.kind for event in await bide.history(job)]


async def finished(bide: Bide[Any], job: Job[Any]) -> Job[Any]:
    """Wait until the job is in a terminal state."""
    async with asyncio.timeout(PATIENCE):
        async for _ in bide.events(job):
            pass
    return await bide.get(job)


@asynccontextmanager
async def working(bide: Bide[Any], make_store: Callable[[], Store]) -> AsyncGenerator[Worker]:
    """A worker of the app, on a store that the test makes: with a clock or connections of its own."""
    await bide.open_on(make_store)
    try:
        async with bide.worker() as worker:
            yield worker
    finally:
        await bide.shut()


def quick(**settings: Any) -> Settings:
    """Settings with short times, so that what takes a lease or a grace does not take long."""
    given: dict[str, Any] = {
        "lease": 2.0,
        "poll": 0.05,
        "cancel_grace": 0.1,
        "drain": 10.0,
        "busy_timeout": 10.0,
        "retention": None,
        "synchronous": "NORMAL",
        **settings,
    }
    return Settings(**given)
