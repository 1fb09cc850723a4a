"""Several statements as one call, as a stored procedure is elsewhere: a temporary trigger of one connection.

Python gives up its global lock while SQLite works on a statement, and must have it back before the next. A busy event
loop lets it go only when it has nothing to do, so a transaction of many statements waits for the loop again and again,
and the two take turns. One call has all of it done while the loop goes on.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from bide.store.sqlite.sql import statement

_PARAMETER = re.compile(r":(\w+)")
_COMMENT = re.compile(r"--.*")


class Procedure:
    """The statements of `<name>.sql`, to be called with the parameters that they name.

    Either all of it is done, or nothing: `select raise(abort, '…') where …` in it takes back what the call did.
    """

    __slots__ = ("_name", "_text", "call")

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = statement(name)
        columns = ", ".join(self._parameters)
        values = ", ".join(f":{parameter}" for parameter in self._parameters)
        self.call = f"insert into temp.{name} ({columns}) values ({values})"  # noqa: S608 - names of our own files
        """What to execute."""

    @property
    def _parameters(self) -> list[str]:
        return sorted(set(_PARAMETER.findall(_COMMENT.sub("", self._text))))

    def create(self, db: sqlite3.Connection) -> None:
        """Make it known on this connection."""
        columns = ", ".join(f"null as {parameter}" for parameter in self._parameters)
        db.execute(f"create temp view {self._name} as select {columns}")
        body = _PARAMETER.sub(r"new.\1", _COMMENT.sub("", self._text))
        db.execute(f"create temp trigger do_{self._name} instead of insert on {self._name} begin {body}; end")


def run(db: sqlite3.Connection, procedure: Procedure, parameters: dict[str, Any]) -> bool:
    """Call it; False where it took back what it did."""
    try:
        db.execute(procedure.call, parameters)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            raise
        return False
    return True


TURN = Procedure("turn")


def create_all(db: sqlite3.Connection) -> None:
    db.execute("pragma temp_store = memory")
    TURN.create(db)
