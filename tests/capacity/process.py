"""A worker in a process of its own, with one slot: `python -m tests.capacity.process jobs.db`."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from bide import Bide, Confirm, JobContext, JobType, Settings


def make(database: Path) -> tuple[Bide[None], JobType[[str], str], JobType[[], str]]:
    """The app, with a job type that asks and one that does not."""
    bide = Bide(f"sqlite:///{database}", settings=Settings(slots=1, threads=1, poll=0.2))

    @bide.job
    async def asking(ctx: JobContext[None], topic: str) -> str:
        decision = await ctx.ask("publish", Confirm(summary=f"Shall I publish what I wrote about {topic}?"))
        return decision.action

    @bide.job
    async def plain(ctx: JobContext[None]) -> str:
        return "done"

    return bide, asking, plain


async def work(database: Path) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    bide, _, _ = make(database)
    async with bide.worker():
        await told.wait()


class Held(NamedTuple):
    """What the operating system knows that a process holds."""

    threads: int
    descriptors: int
    connections: int
    """Descriptors of the database file itself."""


class WorkerProcess:
    def __init__(self, database: Path) -> None:
        self._database = database
        self._popen = subprocess.Popen([sys.executable, "-m", "tests.capacity.process", str(database)])
        self._process = psutil.Process(self._popen.pid)

    def held(self) -> Held:
        opened = [file.path for file in self._process.open_files()]
        return Held(self._process.num_threads(), self._process.num_fds(), opened.count(str(self._database)))

    def stop(self) -> None:
        self._popen.kill()
        self._popen.wait()


@contextmanager
def worker_process(database: Path) -> Generator[WorkerProcess]:
    process = WorkerProcess(database)
    try:
        yield process
    finally:
        process.stop()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
