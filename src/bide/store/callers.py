"""Connections that callers lend, `on=`: which there are, and what stands between SQLAlchemy and a driver's connection.

They are known by the names of their classes: no driver is imported for somebody who does not use it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, cast
from weakref import WeakSet

from bide.errors import UnusableConnection
from bide.thread import where_lent

SUPPORTED = "an AsyncSession, AsyncConnection, Session or Connection of SQLAlchemy, or a connection of {drivers}"

_SESSIONS = frozenset({"sqlalchemy.Session", "sqlalchemy.AsyncSession"})
_SQLALCHEMY = _SESSIONS | {"sqlalchemy.Connection", "sqlalchemy.AsyncConnection"}


def kinds_of(on: object) -> list[str]:
    """What an object is: the package and the name of its class, and of each that it is derived from."""
    return [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(on).__mro__]


def unsupported(on: object, drivers: str) -> UnusableConnection:
    kind = type(on)
    return UnusableConnection(
        f"on= takes no {kind.__module__}.{kind.__qualname__}.", hint=f"Hand in {SUPPORTED.format(drivers=drivers)}."
    )


class SqlAlchemy:
    """A session or a connection of SQLAlchemy. The driver's connection is used beside it, in its transaction."""

    def __init__(self, on: Any, kind: str) -> None:
        self._on = on
        self._is_session = kind in _SESSIONS
        self._is_async = "Async" in kind

    @classmethod
    def find(cls, on: object) -> SqlAlchemy | None:
        """It, if it is one."""
        kind = next((kind for kind in kinds_of(on) if kind in _SQLALCHEMY), None)
        return None if kind is None else cls(on, kind)

    async def connection(self, begun: Callable[[Any], bool]) -> object:
        """The connection of the driver. Its transaction has begun if SQLAlchemy begins one at all: `begun` tells."""
        connection = await self._call(self._on.connection) if self._is_session else self._on
        if self._is_async:
            lent = await connection.get_raw_connection()
        else:
            lent = await where_lent(lambda: connection.connection)
        driver = lent.driver_connection
        if not (connection.in_transaction() and begun(driver)):
            # It does so with the first statement.
            await self._call(lambda: connection.exec_driver_sql("select 1"))
        return driver

    async def commit(self) -> None:
        await self._call(self._on.commit)

    async def rollback(self) -> None:
        await self._call(self._on.rollback)

    def after_commits(self, told: WeakSet[Any], tell: Callable[[], None]) -> None:
        """Call this after each commit of a session, from now on; of a bare connection nobody is told when. `told` are
        the sessions for which that is arranged."""
        if not self._is_session:
            return
        session = self._on.sync_session if self._is_async else self._on
        if session not in told:
            told.add(session)
            event: Any = import_module("sqlalchemy.event")

            def committed(_: object) -> None:
                tell()

            event.listen(session, "after_commit", committed)

    async def _call(self, call: Callable[[], Any]) -> Any:
        return await cast("Awaitable[Any]", call()) if self._is_async else await where_lent(call)
