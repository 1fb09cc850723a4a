"""A worker in a process of its own, with one slot: `python -m tests.capacity.process sqlite:///jobs.db`."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

import psutil

from bide import Bide, Confirm, JobContext, JobType, Settings
from tests.postgres import apart, execute


class App(NamedTuple):
    bide: Bide[None]
    asking: JobType[[str], str]
    plain: JobType[[], str]
    resuming: JobType[[], int]
    """Asks, and returns when its function began to run again: nanoseconds of the machine's monotonic clock."""


def make(url: str) -> App:
    """The app. It holds as few connections to PostgreSQL as it can: one of each purpose."""
    bide = Bide(url, settings=Settings(slots=1, threads=1, poll=0.2, pool_size=1))

    @bide.job
    async def asking(ctx: JobContext[None], topic: str) -> str:
        prompt = Confirm(summary=f"Shall I publish what I wrote about {topic}?")
        decision = await ctx.ask("publish", prompt, timeout="365d")
        return decision.action

    @bide.job
    async def plain(ctx: JobContext[None]) -> str:
        return "done"

    @bide.job
    async def resuming(ctx: JobContext[None]) -> int:
        began = time.monotonic_ns()
        await ctx.ask("go on", Confirm(summary="Shall I go on?"))
        return began

    return App(bide, asking, plain, resuming)


async def work(url: str) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with make(url).bide.worker():
        await told.wait()


class Held(NamedTuple):
    """What the operating system knows that a process holds."""

    threads: int
    descriptors: int
    connections: int
    """Descriptors of the database's file; or all connections to the database that PostgreSQL has."""


class WorkerProcess:
    def __init__(self, url: str) -> None:
        self._url = url
        self._file = url.partition("sqlite:///")[2]
        self._popen = subprocess.Popen([sys.executable, "-m", "tests.capacity.process", url])
        self._process = psutil.Process(self._popen.pid)

    def held(self) -> Held:
        opened = [file.path for file in self._process.open_files()]
        connections = opened.count(self._file) if self._file else apart(connections_to(self._url))
        return Held(self._process.num_threads(), self._process.num_fds(), connections)

    def stop(self) -> None:
        self._popen.kill()
        self._popen.wait()


async def connections_to(url: str) -> int:
    """How many PostgreSQL has to this database, but for the one that asks."""
    count = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    ((connections,),) = await execute(url, count)
    return int(connections)


@contextmanager
def worker_process(url: str) -> Generator[WorkerProcess]:
    process = WorkerProcess(url)
    try:
        yield process
    finally:
        process.stop()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
