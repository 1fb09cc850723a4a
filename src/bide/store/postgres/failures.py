"""What PostgreSQL's errors mean: to whoever may try again, and to a caller."""

from __future__ import annotations

from enum import Enum, auto

from bide.errors import SchemaMismatch, StoreBusy, StoreError, StoreFull, StoreUnavailable
from bide.store.postgres.driver import asyncpg


class Fate(Enum):
    """What has become of a transaction that failed."""

    GONE = auto()
    """The connection is lost, or none was to be had."""
    UNDONE = auto()
    """Taken back because of others at the same time: the same again may succeed at once."""
    REFUSED = auto()
    """Taken back because the database cannot do it now."""
    WRONG = auto()
    """Taken back because of what was asked."""


_UNDONE = {"40001", "40P01"}
_MIXED_UP = {"26000", "42P05"}
"""A prepared statement is not there, or is there already: a pooler has handed out another session."""

_REFUSED = {
    "55P03",  # a lock was not to be had in time
    "57014",  # a statement took too long
    "25006",  # a server that follows another one
    "42501",  # no right
    "3F000",  # no schema
    "42P01",  # no table
    "42883",  # no function
    "42703",  # no column
    "28000",  # no login
    "28P01",  # another password
    "3D000",  # no database
    *_MIXED_UP,
}
_MISMATCHED = {"3F000", "42P01", "42883", "42703"}
_FULL = {"53100"}
_REMEDIES = {
    "42501": "Grant this user what docs/postgres.md names: usage of the schema, its tables and its sequences.",
    "53200": "The server is out of memory, or its table of locks is full: max_locks_per_transaction makes that larger.",
    "53300": "All connections of the server are in use: raise its max_connections, or lower BIDE_POOL_SIZE.",
}
_LACKING = ("53", "58")
"""Classes of what a server has too little of, and of what its operating system refuses."""
_FILES = {"md.c", "fd.c", "buffile.c"}
"""Where the server handles files. A quota or a limit that is reached has no code of its own: only its place tells."""
_BUSY = {"55P03", "57014", *_UNDONE}


def code_of(error: BaseException) -> str:
    """The SQLSTATE; empty where the error is not of the database."""
    return getattr(error, "sqlstate", None) or ""


def _is_full(error: BaseException) -> bool:
    code = code_of(error)
    return code in _FULL or (code == "XX000" and getattr(error, "server_source_filename", "") in _FILES)


def fate_of(error: BaseException) -> Fate:
    code = code_of(error)
    # What was prepared before a migration is prepared anew.
    if code in _UNDONE or isinstance(error, asyncpg.InvalidCachedStatementError):
        return Fate.UNDONE
    if code in _REFUSED:
        return Fate.REFUSED
    # Class 08 is of connections, 57P of servers that stop or start, 53300 of servers that take no more connections.
    if code.startswith(("08", "57P")) or code in {"53300", "25P03"}:
        return Fate.GONE
    if code.startswith(_LACKING) or _is_full(error):
        return Fate.REFUSED
    # The last one: the connection ended between two messages of an answer.
    lost = OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError
    if isinstance(error, lost) and not code:
        return Fate.GONE
    return Fate.WRONG


def translate(error: BaseException, name: str) -> StoreError:
    """The Bide error for what PostgreSQL could not do. `name` is that of the database."""
    code = code_of(error)
    if code in _BUSY:
        return StoreBusy(
            f"{name}: {error}.",
            hint="Does a transaction of yours keep a row of Bide locked? Commit it sooner.",
        )
    if code in _REMEDIES:
        return StoreUnavailable(f"{name}: {error}.", hint=_REMEDIES[code])
    if _is_full(error):
        return StoreFull(f"{name}: {error}.", hint="Nothing was written. Free some space, and try again.")
    if code in _MISMATCHED:
        return SchemaMismatch(f"{name}: {error}.", hint="Bring the schema up to date: bide migrate up.")
    if code in _MIXED_UP:
        return StoreUnavailable(
            f"{name}: a pooler hands out other sessions than those in which statements were prepared.",
            hint="Set BIDE_CACHED_STATEMENTS=0, or let the pooler keep them (pgbouncer 1.21: max_prepared_statements).",
        )
    return StoreUnavailable(
        f"{name}: {str(error) or type(error).__name__}.",
        hint="Is the server running, and may this user connect to it and write?",
    )
