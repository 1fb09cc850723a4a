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
        return StoreBusy(
            f"{path} is locked by another connection.",
            hint="Does a transaction of yours stay open? Commit it sooner; what is enqueued while it is, enqueue in it:"
            " .options(on=…).",
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"No space left for {path}.", hint="Nothing was written. Free some space, and try again.")
    return StoreUnavailable(
        f"{path}: {error}.", hint="It must be an SQLite database on a local disk that can be written."
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
