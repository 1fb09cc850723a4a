"""What SQLite's errors mean to a caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from bide.errors import StoreBusy, StoreError, StoreFull, StoreUnavailable

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def code_of(error: sqlite3.Error) -> int:
    """The primary result code; 0 where the error has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def translate(error: sqlite3.Error, path: str) -> StoreError:
    """The Bide error for what SQLite could not do."""
    code = code_of(error)
    if code in _BUSY:
        return busy(path)
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"No space left for {path}.", hint="Nothing was written. Free some space, and try again.")
    return StoreUnavailable(
        f"{path}: {error}.", hint="It must be an SQLite database on a local disk that can be written."
    )


def busy(path: str) -> StoreBusy:
    """Whoever gives up first, SQLite or who waits for a turn at it: it is said in the same words."""
    return StoreBusy(
        f"{path} was not free in time.",
        hint="Another process holds it, or commits as much as the disk can take; or a transaction of yours is open:"
        " commit it sooner, and enqueue in it, .options(on=…).",
    )


@contextmanager
def translated(path: str) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except OSError as error:
        raise StoreUnavailable(
            f"{path}: {error.strerror or error}.", hint="Is its folder there, and writable?"
        ) from error
