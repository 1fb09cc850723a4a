"""The databases that are soaked: how to reach, to restart and to ask each of them, past its store."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.postgres import End, Server, execute

STOPS: tuple[End, ...] = ("fast", "immediate", "killed")
"""How PostgreSQL is stopped, in turn."""


class Database(Protocol):
    url: str
    tables: str
    """What the names of its tables begin with."""

    async def restart(self, number: int) -> None: ...

    async def rows(self, query: str) -> Sequence[tuple[Any, ...]]: ...


class SQLiteFile:
    tables = "bide_"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    async def restart(self, number: int) -> None:
        raise NotImplementedError(f"there is no server to restart, for the {number}th time")

    async def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self._path)) as db:
            return db.execute(query).fetchall()


class PostgresServer:
    tables = "bide."

    def __init__(self, server: Server) -> None:
        self._server = server
        self.url = server.create()

    async def restart(self, number: int) -> None:
        await asyncio.to_thread(self._server.stop, STOPS[number % len(STOPS)])
        await asyncio.to_thread(self._server.start)

    async def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        return await execute(self.url, query)


@contextmanager
def database(store: str, folder: Path) -> Generator[Database]:
    """A new one: `sqlite` or `postgres`."""
    if store == "sqlite":
        yield SQLiteFile(folder / "jobs.db")
    else:
        with Server(durable=True) as server:
            server.wait_for_disk()
            yield PostgresServer(server)
