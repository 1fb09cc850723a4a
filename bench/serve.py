"""A server in a process of its own: `python -m bench.serve FOLDER [worker]`. It leaves when its input ends.

It prints `open`, and has then written its port into the folder. `worker`: it executes the jobs too.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import sqlite3
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import uvicorn
from fastapi import FastAPI

from bench.worker import Child
from bide import Bide, JobContext, Settings, current_step
from bide.cli.work import freeze
from bide.http import Limits, Principal
from bide.store.sqlite import SQLiteStore

SPIN = 0.001
"""Seconds that a job holds the event loop which does not only wait."""

REST = 0.003
"""Seconds that a brief job waits, as for a model."""

TICK = 0.02
"""Seconds between two steps of a job that ticks."""

TEXT = "x" * 5_000
"""What each of these says. All of them are more than the buffers between a server and a reader hold: who takes nothing
stalls."""


async def brief(_ctx: JobContext[None], n: int, spin: float = 0.0) -> int:
    end = time.perf_counter() + spin
    while time.perf_counter() < end:
        pass
    await asyncio.sleep(REST)
    return n


async def pause() -> None:
    current_step().emit(TEXT)
    await asyncio.sleep(TICK)


async def ticking(ctx: JobContext[None], count: int) -> None:
    for n in range(count):
        await ctx.options(key=n).step(pause)


async def owner() -> Principal:
    """Who everything belongs to."""
    return Principal("bench")


class App:
    """The measured jobs, on the file of a folder: every commit on the disk."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jobs.db"
        self.bide = Bide(f"sqlite:///{self.path}", settings=Settings(synchronous="FULL"))
        self.bide.job(expose=True)(brief)
        self.bide.job(expose=True)(ticking)
        self.selects = 0

    def store(self) -> SQLiteStore:
        """The store of the file, whose queries are counted."""

        def count(statement: str) -> None:
            self.selects += statement.lstrip().lower().startswith(("select", "with"))

        def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
            db: sqlite3.Connection = sqlite3.connect(*arguments, **options)
            db.set_trace_callback(count)
            return db

        return SQLiteStore(self.path, synchronous=self.bide.settings.synchronous, connect=connect)

    def served(self, *, worker: bool) -> FastAPI:
        app = FastAPI()

        @app.get("/constant")
        async def constant() -> dict[str, Any]:
            """What the framework itself costs."""
            return {"id": "01999f5e-3c1a-7b2d-9a4e-5f6071829304", "status": "running", "progress": 30.0}

        @app.get("/self")
        async def tell() -> dict[str, float]:
            """The process itself: its seconds of processor, its bytes, and the queries it has made."""
            resident = psutil.Process().memory_info().rss
            return {"cpu": time.process_time(), "resident": float(resident), "selects": float(self.selects)}

        limits = Limits(requests=1e9, streams=1_000_000)
        app.include_router(self.bide.router(authorize=owner, limits=limits, worker=worker))
        return app


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(folder: Path, *, worker: bool) -> None:
    many_files()
    app = App(folder)
    await app.bide.open_on(app.store)
    # Named as TCP: else asyncio does not know it as such, and each answer waits for the acknowledgement of its head.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(4_096)
        api = app.served(worker=worker)
        config = uvicorn.Config(
            api,
            log_level="warning",
            access_log=False,
            loop="asyncio",
            http="h11",
            # A connection that is kept says nothing for as long as the streams are watched.
            timeout_keep_alive=3_600,
        )
        # As `bide serve` does, before anything is served.
        api.openapi()
        config.load()
        freeze()
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            assert not running.done(), "the server did not start"
            await asyncio.sleep(0.005)
        (folder / "port").write_text(str(listening.getsockname()[1]))
        print("open", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        server.should_exit = True
        # Streams end first, as they do at a signal.
        await running
    await app.bide.shut()


async def work(folder: Path) -> None:
    """A worker alone, for the same jobs."""
    app = App(folder)
    async with app.bide, app.bide.worker():
        print("open", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def many_files() -> None:
    """Let this process hold as many connections as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def child(folder: Path, *how: str) -> Generator[Child]:
    """This, in a process of its own, until the block ends."""
    process = Child("-m", "bench.serve", str(folder), *how)
    try:
        process.until("open")
        yield process
    finally:
        process.end()


if __name__ == "__main__":
    if "alone" in sys.argv:
        asyncio.run(work(Path(sys.argv[1])))
    else:
        asyncio.run(serve(Path(sys.argv[1]), worker="worker" in sys.argv))
