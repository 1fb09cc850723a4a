"""Other processes on the same file: `python -m tests.store.process <role> <path> …`.

A role says on its standard output, a line each, what it has come to, and goes on when it is told so on its standard
input.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from bide.store.base import Claim, Completed, Demand, Settle, Settled, WorkerRow
from bide.store.sqlite import SQLiteStore
from bide.store.sqlite.filelock import FileLock
from bide.testing.contract.moves import enqueue_all, new_id, new_job

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """One of them. Left, it is killed."""

    def __init__(self, role: str, path: Path, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.process", role, str(path), *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._input.close()
        self._output.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def says(self) -> str:
        """Wait for its next line."""
        line = self._output.readline()
        assert line, f"it ended with {self._process.wait()} and said no more"
        return line.rstrip("\n")

    async def says_soon(self) -> str:
        return await asyncio.to_thread(self.says)

    def tell(self) -> None:
        """Let it go on."""
        self._input.write("\n")
        self._input.flush()

    def stopped(self) -> None:
        """Wait until it has stopped itself, as by SIGSTOP."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def ended(self) -> int:
        return self._process.wait()

    @property
    def _input(self) -> IO[str]:
        return cast("IO[str]", self._process.stdin)

    @property
    def _output(self) -> IO[str]:
        return cast("IO[str]", self._process.stdout)


def say(text: object) -> None:
    print(text, flush=True)


def hear() -> None:
    sys.stdin.readline()


# ── Roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def signalling(number: signal.Signals) -> tuple[Callable[..., sqlite3.Connection], list[bool]]:
    """Makes connections that send their process this signal in the middle of a transaction, once they are armed."""

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == "commit" and armed:
                armed.clear()
                os.kill(os.getpid(), number)
            return super().execute(sql, parameters)

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(*args, factory=Connection, **options)

    armed: list[bool] = []
    return connect, armed


async def _commit_under(number: signal.Signals, path: str) -> None:
    connect, armed = signalling(number)
    store = SQLiteStore(path, connect=connect)
    await store.open()
    armed.append(True)
    (job,) = await enqueue_all(store, new_job())
    say(job)
    await store.close()


async def killed(path: str) -> None:
    """Dies in the middle of a transaction."""
    await _commit_under(signal.SIGKILL, path)


async def stops(path: str) -> None:
    """Stops in the middle of a transaction; goes on when it is let, and says the id of its job."""
    await _commit_under(signal.SIGSTOP, path)


async def opens(path: str) -> None:
    """Opens the file the moment it is told to."""
    say("ready")
    hear()
    store = SQLiteStore(path)
    await store.open()
    await enqueue_all(store, new_job())
    await store.close()
    say("done")


async def enqueues(path: str, count: str) -> None:
    """Enqueues a job each time it is told to, `count` times."""
    store = SQLiteStore(path)
    await store.open()
    say("ready")
    for _ in range(int(count)):
        await asyncio.to_thread(hear)
        (job,) = await enqueue_all(store, new_job())
        say(job)
    await store.close()


async def lives(path: str) -> None:
    """Registers a worker, and lives on; a forked child, which says the id and its own pid, lives longer."""
    store = SQLiteStore(path)
    await store.open()
    worker = new_id()
    await store.register(
        WorkerRow(id=worker, host=socket.gethostname(), pid=os.getpid(), queues=("default",), slots=1, lease=30_000_000)
    )
    if os.fork() == 0:
        # By now it has let go of what it is not to hold.
        say(f"{worker} {os.getpid()}")
        signal.pause()
    await asyncio.Event().wait()


async def leads(path: str) -> None:
    """Is the one that checkpoints, if nobody was before it."""
    store = SQLiteStore(path)
    await store.open()
    say("ready")
    await asyncio.Event().wait()


async def drains(path: str, total: str) -> None:
    """Executes jobs until `total` of them, by whomever, are completed. Says how many it had, and which."""
    store = SQLiteStore(path)
    await store.open()
    worker = new_id()
    await store.register(WorkerRow(id=worker, host="here", pid=1, queues=("default",), slots=50, lease=30_000_000))
    had: list[str] = []
    settles: list[Settle] = []
    awake = asyncio.Event()
    stop = store.subscribe(lambda _: awake.set())
    while True:
        awake.clear()
        settled, claims = await store.settle_and_claim(worker, settles, [Demand(("default",), {"work": 1}, 50)])
        assert set(settled) <= {Settled.APPLIED}, settled
        had += [claim.id for claim in claims]
        settles = [_done(claim) for claim in claims]
        if not claims:
            stats = await store.stats(None)
            if sum(count for status, count in stats.by_status.items() if status.terminal) == int(total):
                break
            await awake.wait()
    stop()
    await store.close()
    say(" ".join(had))


def _done(claim: Claim) -> Settle:
    return Settle(claim.id, claim.lease, 1, Completed(claim.input))


def holds_forked(path: str) -> None:
    """Holds a lock, and forks a child that outlives it. Says the child's pid."""
    lock = FileLock(path)
    lock.acquire()
    child = os.fork()
    if child == 0:
        signal.pause()
    say(child)
    signal.pause()


@contextmanager
def ending(pid: int) -> Generator[None]:
    """Kill this process afterwards."""
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    play = globals()[role]
    if inspect.iscoroutinefunction(play):
        asyncio.run(play(*arguments))
    else:
        play(*arguments)
