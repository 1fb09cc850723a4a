"""SQLite: every COMMIT on every connection, however it is called."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bide.store.base import Store
from bide.store.sqlite import SQLiteStore
from bide.store.sqlite.migrations.run import up
from bide.store.sqlite.procedure import TURN
from bide.store.sqlite.sql import statement
from bide.testing import ManualClock
from tests.crash.faults import Fault, Faults, die

_connect = sqlite3.connect


@cache
def _texts() -> Mapping[str, str]:
    folder = resources.files("bide.store.sqlite")
    files = {entry.name.removesuffix(".sql"): entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return {name: files[name].read_text(encoding="utf-8") for name in sorted(files)}


@cache
def _names() -> Mapping[str, str]:
    return {statement(name): name for name in _texts()}


class SQLiteGround:
    name = "sqlite"

    def texts(self) -> Mapping[str, str]:
        return _texts()

    def statements(self) -> Mapping[str, str]:
        return {name: statement(name) for name in _texts()}

    @contextmanager
    def kept(self, base: Path) -> Generator[None]:
        up(str(base / "warm.db"))  # Alembic is slow to come
        yield

    async def lay(self, folder: Path, fault: Fault | None) -> None:
        """A file is made by who opens it."""

    async def clear(self, folder: Path) -> None:
        """A file goes with its folder."""

    @contextmanager
    def counted(self, faults: Faults) -> Generator[None]:
        # The migration makes its own connection.
        with patch("sqlite3.connect", connecting(faults)):
            yield

    async def migrate(self, folder: Path) -> None:
        """Opening does it."""

    @asynccontextmanager
    async def caller(self, folder: Path, faults: Faults) -> AsyncGenerator[Any]:
        with closing(connecting(faults)(str(folder / "jobs.db"), isolation_level=None)) as connection:
            yield connection

    def store(self, folder: Path, clock: ManualClock, faults: Faults) -> Store:
        return SQLiteStore(folder / "jobs.db", clock=clock, synchronous="NORMAL", connect=connecting(faults))


def _parts_of_turn(parameters: Mapping[str, str]) -> Sequence[str]:
    """What one call of several statements had to do."""
    completed = ("complete", "completed") if parameters["rows"] != "[]" else ()
    claimed = ("claim", "claimed") if parameters["picked"] != "[]" else ()
    return ("turn", *completed, *claimed)


def connecting(faults: Faults) -> Callable[..., sqlite3.Connection]:
    """As `sqlite3.connect`, for connections that `faults` counts."""

    class Connection(sqlite3.Connection):
        """Sees what is executed, whether on it or on its cursors."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._changes = 0
            self._files: list[str] = []

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == "commit":
                cursor: sqlite3.Cursor = self._counted(lambda: super(Connection, self).execute(sql))
                return cursor
            if sql.startswith("begin"):
                self._begin()
            with self._seen(sql, parameters):
                return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
            given = list(parameters)
            if not given:
                return super().executemany(sql, given)
            with self._seen(sql):
                return super().executemany(sql, given)

        def commit(self) -> None:
            self._counted(super().commit)

        def _begin(self) -> None:
            self._changes = self.total_changes
            self._files.clear()

        @contextmanager
        def _seen(self, sql: str, parameters: Any = ()) -> Generator[None]:
            names, changes = (
                _parts_of_turn(parameters) if sql == TURN.call else (_names().get(sql),),
                self.total_changes,
            )
            yield
            for name in names:
                if name is not None:
                    faults.used.add(name)
                    if self.total_changes != changes:
                        self._files.append(name)

        def _counted(self, commit: Callable[[], Any]) -> Any:
            if not self.in_transaction or self.total_changes == self._changes:
                return commit()
            try:
                mode = faults.coming(self._files)
                result = commit()
            finally:
                self._begin()
            if mode == "after":
                die()
            if mode == "error":
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise error
            return result

    def connect(path: str, **options: Any) -> sqlite3.Connection:
        return _connect(path, factory=Connection, **options)

    return connect
