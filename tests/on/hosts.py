"""Connections of a user's own, by every way there is to have one: with a table of the user's beside Bide's."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import aiosqlite
import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from bide import Bide

asyncpg: Any = import_module("asyncpg")

TABLE = "create table note (n integer not null)"


@dataclass(frozen=True)
class Way:
    """A library, and which of its classes. `driver` is what SQLAlchemy connects by."""

    kind: str
    driver: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.driver}" if self.driver else self.kind

    @property
    def is_async(self) -> bool:
        return self.kind.startswith(("Async", "asyncpg", "aiosqlite"))


SQLITE = (
    Way("sqlite3"),
    Way("aiosqlite"),
    Way("Session", "sqlite"),
    Way("Connection", "sqlite"),
    Way("AsyncSession", "sqlite+aiosqlite"),
    Way("AsyncConnection", "sqlite+aiosqlite"),
)
POSTGRES = (
    Way("asyncpg"),
    Way("asyncpg_pool"),
    Way("psycopg"),
    Way("Async_psycopg"),
    Way("Session", "postgresql+psycopg"),
    Way("Connection", "postgresql+psycopg"),
    Way("AsyncSession", "postgresql+asyncpg"),
    Way("AsyncSession", "postgresql+psycopg"),
    Way("AsyncConnection", "postgresql+asyncpg"),
    Way("AsyncConnection", "postgresql+psycopg"),
)


class Host:
    """One such connection, `on`, and what a user does with it."""

    def __init__(self, on: Any, way: Way) -> None:
        self.on = on
        self.way = way
        self._is_sqlalchemy = bool(way.driver)

    async def do(self, statement: str) -> Any:
        return await _awaited(self.on.execute(text(statement) if self._is_sqlalchemy else statement))

    async def write(self, n: int) -> None:
        await self.do(f"insert into note (n) values ({n})")

    async def begin(self) -> None:
        """As a user of this library begins: most do so by themselves."""
        if self.way.kind in {"asyncpg", "asyncpg_pool"}:
            await self.do("begin")

    async def commit(self) -> None:
        await self._end("commit")

    async def rollback(self) -> None:
        await self._end("rollback")

    async def _end(self, how: str) -> None:
        if self.way.kind in {"asyncpg", "asyncpg_pool"}:
            await self.do(how)
        else:
            await _awaited(getattr(self.on, how)())


class Place:
    """A database with Bide's tables and the user's."""

    def __init__(self, url: str, way: Way) -> None:
        self.url = url
        self.way = way

    async def prepare(self) -> None:
        async with Bide(self.url):
            pass
        await self.make_table()

    async def make_table(self) -> None:
        async with self.connected() as host:
            await host.begin()
            await host.do(TABLE)
            await host.commit()

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[Host]:
        async with _opened(self.way, self.url) as on:
            yield Host(on, self.way)

    def notes(self) -> list[int]:
        """What is in the user's table, as anybody else sees it."""
        if self.url.startswith("sqlite"):
            db: Any = sqlite3.connect(self.url.removeprefix("sqlite:///"))
        else:
            db = psycopg.connect(self.url)
        try:
            return [int(row[0]) for row in db.execute("select n from note order by n").fetchall()]
        finally:
            db.close()


@asynccontextmanager
async def _opened(way: Way, url: str) -> AsyncGenerator[Any]:
    path = url.removeprefix("sqlite:///")
    on: Any
    match way.kind:
        case "sqlite3":
            on = sqlite3.connect(path)
        case "aiosqlite":
            on = await aiosqlite.connect(path)
        case "asyncpg":
            on = await asyncpg.connect(url)
        case "psycopg":
            on = psycopg.connect(url)
        case "Async_psycopg":
            on = await psycopg.AsyncConnection.connect(url)
        case "asyncpg_pool":
            async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool, pool.acquire() as lent:
                yield lent
            return
        case "AsyncSession" | "AsyncConnection":
            engine = create_async_engine(_through(url, way.driver))
            try:
                async with AsyncSession(engine) if way.kind == "AsyncSession" else engine.connect() as lent:
                    yield lent
            finally:
                await engine.dispose()
            return
        case _:
            plain = create_engine(_through(url, way.driver))
            try:
                with Session(plain) if way.kind == "Session" else plain.connect() as lent:
                    yield lent
            finally:
                plain.dispose()
            return
    try:
        yield on
    finally:
        await _awaited(on.close())


def _through(url: str, driver: str) -> str:
    rest = url[url.index(":") :]
    # What libpq calls `sslmode`, SQLAlchemy hands to asyncpg as `ssl`.
    return driver + (rest.replace("sslmode=", "ssl=") if driver.endswith("asyncpg") else rest)


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
