"""PostgreSQL: every transaction on every connection.

A statement that is a transaction by itself is put between BEGIN and COMMIT here, so that a process can be ended between
what it did and its commit: for the database that is as if it had never been sent.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bide.store.base import Store
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import asyncpg
from bide.store.postgres.migrations import SCHEMA as BIDE
from bide.store.postgres.migrations import run
from bide.store.postgres.sql import statement
from bide.testing import ManualClock
from tests.crash.faults import OPENING, SCHEMA, Fault, Faults, Mode, die, with_parts
from tests.pgbouncer import Pooler
from tests.postgres import EMPTY, Server, execute

_connect = asyncpg.connect

_CHANGES = re.compile(r"\b(insert into|update|delete from)\s+bide\.")


@cache
def _texts() -> Mapping[str, str]:
    store = resources.files("bide.store.postgres")
    entries = [*store.iterdir(), *store.joinpath("migrations", "functions").iterdir()]
    files = {entry.name.removesuffix(".sql"): entry for entry in entries if entry.name.endswith(".sql")}
    return {name: files[name].read_text(encoding="utf-8") for name in sorted(files)}


@cache
def _statements() -> Mapping[str, str]:
    functions = resources.files("bide.store.postgres").joinpath("migrations", "functions")
    called = {entry.name.removesuffix(".sql") for entry in functions.iterdir()}
    return {name: statement(name).within(BIDE) for name in _texts() if name not in called}


@cache
def _names() -> Mapping[str, str]:
    return {text: name for name, text in _statements().items()}


@cache
def _writes(name: str) -> bool:
    """Whether this file, or what it includes or calls, may change something."""
    return any(_CHANGES.search(_texts()[part]) for part in with_parts([name], _texts()))


class PostgresGround:
    name = "postgres"

    def __init__(self) -> None:
        self._server = Server()

    def texts(self) -> Mapping[str, str]:
        return _texts()

    def statements(self) -> Mapping[str, str]:
        return _statements()

    @contextmanager
    def kept(self, base: Path) -> Generator[None]:
        with self._server:
            yield

    async def lay(self, folder: Path, fault: Fault | None) -> None:
        # Only who is to be ended while it migrates needs to migrate.
        template = "template1" if fault is None or fault.place.story == OPENING else EMPTY
        await self.clear(folder)
        await execute(self._server.url(), f"create database {_database(folder)} template {template}")

    async def clear(self, folder: Path) -> None:
        await execute(self._server.url(), f"drop database if exists {_database(folder)} with (force)")

    def counted(self, faults: Faults) -> AbstractContextManager[None]:
        return counting(faults)

    async def migrate(self, folder: Path) -> None:
        await run.up(self._server.url(_database(folder)))

    @asynccontextmanager
    async def caller(self, folder: Path, faults: Faults) -> AsyncGenerator[Any]:
        connection: Any = await asyncpg.connect(self._server.url(_database(folder)))
        try:
            yield connection
        finally:
            connection.terminate()

    def store(self, folder: Path, clock: ManualClock, faults: Faults) -> Store:
        return PostgresStore(self._server.url(_database(folder)), clock=clock)


class PooledGround(PostgresGround):
    """Behind a pgbouncer that shares out transactions; callers in transactions of their own have none between."""

    name = "pooled"

    def __init__(self) -> None:
        super().__init__()
        self._pooler: Pooler | None = None

    @contextmanager
    def kept(self, base: Path) -> Generator[None]:
        with super().kept(base), Pooler(self._server) as self._pooler:
            yield

    def store(self, folder: Path, clock: ManualClock, faults: Faults) -> Store:
        assert self._pooler is not None, "nothing is kept"
        return PostgresStore(self._pooler.url(self._server.url(_database(folder))), clock=clock)


@contextmanager
def counting(faults: Faults) -> Generator[None]:
    """Let all connections that are made meanwhile be counted by `faults`."""

    async def connect(url: str, **options: Any) -> Any:
        connection = await _connect(url, connection_class=Connection, **options)
        connection.begin_to_count(faults)
        return connection

    with patch.object(asyncpg, "connect", connect):
        yield


def _database(folder: Path) -> str:
    return f"crash_{folder.name}".replace("-", "_")


class Connection(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """Sees what is executed, and every transaction that changed something."""

    def begin_to_count(self, faults: Faults) -> None:
        self._faults = faults
        self._files: list[str] = []
        self._prepared: dict[str, Any] = {}
        self._above: Any = super()

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        if query == "commit":
            await self._commit()
            return "COMMIT"
        if query.startswith("begin"):
            self._files = []
        elif query != "rollback" and self.is_in_transaction():
            self._files.append(SCHEMA)
        done: str = await self._above.execute(query, *args, **options)
        return done

    async def fetch(self, query: str, *args: Any, **options: Any) -> Sequence[Any]:
        name = _names().get(query)
        if name is not None:
            self._faults.used.add(name)
        if name is None or not _writes(name):
            read: Sequence[Any] = await self._above.fetch(query, *args, **options)
            return read
        if self.is_in_transaction():
            return await self._change(name, query, args)
        self._files = []
        await self._above.execute("begin")
        try:
            rows = await self._change(name, query, args)
        except BaseException:
            await self._above.execute("rollback")
            raise
        await self._commit()
        return rows

    async def _change(self, name: str, query: str, args: Sequence[Any]) -> Sequence[Any]:
        prepared = self._prepared.get(query)
        if prepared is None:
            prepared = await self.prepare(query)
            if self._config.statement_cache_size:  # else a pooler may have it forgotten
                self._prepared[query] = prepared
        rows: Sequence[Any] = await prepared.fetch(*args)
        # What a function changed are the rows that it returns.
        if not prepared.get_statusmsg().endswith(" 0"):
            self._files += _parts_of_turn(rows) if name == "turn" else (name,)
        return rows

    async def _commit(self) -> None:
        files, self._files = self._files, []
        mode: Mode | None = self._faults.coming(files) if files else None
        await self._above.execute("commit")
        if mode == "after":
            die()
        if mode == "error":
            self.terminate()
            raise ConnectionResetError("the answer to a commit was lost")


def _parts_of_turn(rows: Sequence[Any]) -> Sequence[str]:
    """What one call had to do."""
    ended = ("turn: end",) if any(row[1] is None for row in rows) else ()
    claimed = ("turn: claim",) if any(row[1] is not None for row in rows) else ()
    return (*ended, *claimed)
