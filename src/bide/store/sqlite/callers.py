"""Connections that callers lend: sqlite3's, and those of aiosqlite, which are sqlite3's in a thread of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from bide.errors import UnusableConnection
from bide.store.callers import kinds_of
from bide.thread import where_lent

T = TypeVar("T")

DRIVERS = "sqlite3 or aiosqlite"


class Lent(Protocol):
    """A connection of a caller's."""

    async def use(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Call it with the connection, in the thread to which that belongs."""
        ...


class Plain:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def use(self, call: Callable[[sqlite3.Connection], T]) -> T:
        return await where_lent(lambda: call(self._connection))


class Aiosqlite:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def use(self, call: Callable[[sqlite3.Connection], T]) -> T:
        # It has no public way to do several things at once in its thread: between two, others would come.
        try:
            made: T = await self._connection._execute(lambda: call(self._connection._conn))
        except ValueError as error:
            raise UnusableConnection(f"This connection of aiosqlite cannot be used: {error}.") from error
        return made


def lend(connection: object) -> Lent | None:
    """The way to use a connection; None where it is of no driver that is known."""
    if isinstance(connection, sqlite3.Connection):
        return Plain(connection)
    return Aiosqlite(connection) if "aiosqlite.Connection" in kinds_of(connection) else None


@contextmanager
def as_ours(db: sqlite3.Connection) -> Generator[None]:
    """Within, rows and texts come as they are, and nothing is waited for: callers may have set it otherwise."""
    row_factory, text_factory = db.row_factory, db.text_factory
    db.row_factory, db.text_factory = None, str
    try:
        (patience,) = db.execute("pragma busy_timeout").fetchone()
        db.execute("pragma busy_timeout = 0").close()
        try:
            yield
        finally:
            db.execute(f"pragma busy_timeout = {int(patience)}").close()
    finally:
        db.row_factory, db.text_factory = row_factory, text_factory


def begins_by_itself(db: sqlite3.Connection) -> bool:
    """Whether the driver begins transactions: then its `commit()` is to come."""
    # `autocommit` is of Python 3.12, where True turns off what `isolation_level` says, and `commit()` too.
    return db.isolation_level is not None and getattr(db, "autocommit", False) is not True


def commit(db: sqlite3.Connection) -> None:
    _end(db, "commit")


def rollback(db: sqlite3.Connection) -> None:
    _end(db, "rollback")


def _end(db: sqlite3.Connection, how: str) -> None:
    if getattr(db, "autocommit", False) is not True:
        getattr(db, how)()
    elif db.in_transaction:
        db.execute(how)
