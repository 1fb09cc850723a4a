"""Connections that count the commits of their process, and end it, or fail, at a chosen one."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias, get_args

from bide.store.sqlite.procedure import TURN
from bide.store.sqlite.sql import statement

Mode: TypeAlias = Literal["before", "after", "error"]
"""SIGKILL before the commit; SIGKILL after it; the commit happens, and its caller sees an I/O error."""

MODES: tuple[Mode, ...] = get_args(Mode)


_connect = sqlite3.connect


@cache
def sql_files() -> Mapping[str, str]:
    """The text of each SQL file of the store, by its name."""
    folder = resources.files("bide.store.sqlite")
    names = [entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return {name: statement(name) for name in sorted(names)}


@cache
def _names() -> Mapping[str, str]:
    return {text: name for name, text in sql_files().items()}


def _parts_of_turn(parameters: Mapping[str, str]) -> Sequence[str]:
    """What one call of several statements had to do."""
    completed = ("complete", "completed") if parameters["rows"] != "[]" else ()
    claimed = ("claim", "claimed") if parameters["picked"] != "[]" else ()
    return ("turn", *completed, *claimed)


class Place(NamedTuple):
    """The `nth` commit (1-based) of a story in which this SQL file changed something.

    Not the number of the commit: two writes that come at the same time may share one, and all later numbers would move.
    """

    story: str
    file: str
    nth: int


class Fault(NamedTuple):
    place: Place
    mode: Mode


class Commit(NamedTuple):
    """One commit that wrote something: the story it was part of, and the SQL files that changed something, in order."""

    story: str
    files: tuple[str, ...]


SCHEMA = "the schema"
"""What stands for the statements of a migration."""


@dataclass
class Faults:
    """What the connections of a process have done, and at which commit they end it. Commits that wrote nothing do not
    count: there is nothing to lose in them."""

    fault: Fault | None = None
    story: str = ""
    """What goes on, for the record."""
    commits: list[Commit] = field(default_factory=list[Commit])
    used: set[str] = field(default_factory=set[str])
    """The SQL files that were executed, reading ones too."""
    met: bool = False
    """Whether the fault has happened."""
    _seen: int = 0
    _armed: bool = False
    _beats: bool = False

    @property
    def fails(self) -> bool:
        """Whether a commit of this process will fail, rather than end it."""
        return self.fault is not None and self.fault.mode == "error"

    def arm(self) -> None:
        """Let the next commit happen, and its caller see an error: the scenario itself needs one."""
        self._armed = True

    @contextmanager
    def counting_beats(self) -> Generator[None]:
        """Heartbeats come by themselves, so a commit of nothing else counts only here."""
        self._beats = True
        try:
            yield
        finally:
            self._beats = False

    def commit(self, files: Sequence[str], execute: Callable[[], Any]) -> Any:
        if not self._beats and set(files) == {"beat"}:
            return execute()
        self.commits.append(Commit(self.story, tuple(dict.fromkeys(files)) or (SCHEMA,)))
        mode = self._mode()
        if mode == "before":
            _die()
        result = execute()
        if mode == "after":
            _die()
        if mode == "error" or self._armed:
            self._armed = False
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return result

    def _mode(self) -> Mode | None:
        """What is to happen at the last of the commits."""
        if self.met or self.fault is None:
            return None
        place, commit = self.fault.place, self.commits[-1]
        if commit.story != place.story or place.file not in commit.files:
            return None
        self._seen += 1
        self.met = self._seen == place.nth
        return self.fault.mode if self.met else None

    def connect(self, path: str, **options: Any) -> sqlite3.Connection:
        """As `sqlite3.connect`."""
        faults = self

        class Connection(sqlite3.Connection):
            """Sees what is executed, whether on it or on its cursors, and every COMMIT, however it is called."""

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
                    return faults.commit(self._files, commit)
                finally:
                    self._begin()

        return _connect(path, factory=Connection, **options)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    while True:  # the kernel needs a moment
        threading.Event().wait()
