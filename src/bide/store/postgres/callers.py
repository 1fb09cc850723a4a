"""Connections that callers lend, by their drivers: asyncpg's, and psycopg's of both kinds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from bide.errors import UnusableConnection
from bide.store.callers import kinds_of
from bide.store.postgres.driver import Row
from bide.thread import where_lent

DRIVERS = "asyncpg or psycopg"


class Lent(Protocol):
    """A connection of a caller's."""

    @property
    def key(self) -> object:
        """What stands for it as long as it lives, of which there are weak references."""
        ...

    async def fetch(self, query: str, /, *args: Any) -> Sequence[Row]:
        """Run one statement, whose parameters are numbered."""
        ...

    async def begin(self) -> None: ...
    async def commit(self) -> None: ...
    async def rollback(self) -> None: ...

    def in_transaction(self) -> bool:
        """Whether a transaction is open, or opens by itself with the next statement."""
        ...

    @property
    def closed(self) -> bool: ...


class Asyncpg:
    """It begins nothing by itself."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def key(self) -> object:
        # A pool hands out a proxy, another one each time: the connection is behind it.
        return getattr(self._connection, "_con", self._connection)

    async def fetch(self, query: str, /, *args: Any) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(query, *args)
        return rows

    async def begin(self) -> None:
        if self._connection.is_in_transaction():
            raise UnusableConnection(
                "This connection of asyncpg is in a transaction already, which asyncpg expects to end itself.",
                hint="Hand it in without one: Bide begins it, and commits it with the result of the step.",
            )
        await self._connection.execute("begin")

    async def commit(self) -> None:
        await self._connection.execute("commit")

    async def rollback(self) -> None:
        await self._connection.execute("rollback")

    def in_transaction(self) -> bool:
        return bool(self._connection.is_in_transaction())

    @property
    def closed(self) -> bool:
        return bool(self._connection.is_closed())


class Psycopg:
    """Its first statement begins a transaction, unless it commits each by itself."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._psycopg: Any = sys.modules["psycopg"]

    @property
    def key(self) -> object:
        return self._connection

    async def fetch(self, query: str, /, *args: Any) -> Sequence[Row]:
        return await where_lent(lambda: self._fetch(query, args))

    async def begin(self) -> None:
        if not self.in_transaction():
            await self.fetch("begin")

    async def commit(self) -> None:
        await where_lent(self._connection.commit)

    async def rollback(self) -> None:
        await where_lent(self._connection.rollback)

    def in_transaction(self) -> bool:
        return not self._connection.autocommit or in_transaction_of_psycopg(self._connection)

    @property
    def closed(self) -> bool:
        return bool(self._connection.closed)

    def _fetch(self, query: str, args: Sequence[Any]) -> Sequence[Row]:
        with self._psycopg.RawCursor(self._connection, row_factory=self._psycopg.rows.tuple_row) as cursor:
            cursor.execute(query, _arrays(args))
            return cursor.fetchall() if cursor.description else []


class AsyncPsycopg(Psycopg):
    """The same, awaited."""

    async def fetch(self, query: str, /, *args: Any) -> Sequence[Row]:
        async with self._psycopg.AsyncRawCursor(self._connection, row_factory=self._psycopg.rows.tuple_row) as cursor:
            await cursor.execute(query, _arrays(args))
            rows: Sequence[Row] = await cursor.fetchall() if cursor.description else []
            return rows

    async def commit(self) -> None:
        await self._connection.commit()

    async def rollback(self) -> None:
        await self._connection.rollback()


def _arrays(args: Sequence[Any]) -> list[Any]:
    """psycopg takes a tuple for a row."""
    return [_list(value) if isinstance(value, tuple) else value for value in args]


def _list(value: Any) -> list[Any]:
    return list(value)


def in_transaction_of_psycopg(connection: Any) -> bool:
    return connection.info.transaction_status.name in {"ACTIVE", "INTRANS", "INERROR"}


_KNOWN: dict[str, type[Asyncpg | Psycopg]] = {
    "asyncpg.Connection": Asyncpg,
    "asyncpg.PoolConnectionProxy": Asyncpg,
    "psycopg.Connection": Psycopg,
    "psycopg.AsyncConnection": AsyncPsycopg,
}


def lend(connection: object) -> Lent | None:
    """The way to use a connection of a driver; None where it is of none that is known."""
    kind = next((kind for kind in kinds_of(connection) if kind in _KNOWN), None)
    return None if kind is None else _KNOWN[kind](connection)


def has_begun(connection: object) -> bool:
    """Whether a transaction is open on a connection of a driver."""
    lent = lend(connection)
    if isinstance(lent, Psycopg):
        return in_transaction_of_psycopg(connection)
    return lent is None or lent.in_transaction()
