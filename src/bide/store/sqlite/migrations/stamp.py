"""Which schema a database has, read without Alembic."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bide.store.sqlite.migrations import VERSION_TABLE


def read_stamp(path: str) -> str | None:
    """The revision a database is at; None where nothing of Bide is in it, or no file is there."""
    if not Path(path).exists():
        return None
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10.0)) as db:
        return stamp_of(db)


def stamp_of(db: sqlite3.Connection) -> str | None:
    exists = db.execute("select 1 from sqlite_schema where type = 'table' and name = ?", (VERSION_TABLE,)).fetchone()
    row = db.execute(f"select version_num from {VERSION_TABLE}").fetchone() if exists else None  # noqa: S608
    return None if row is None else str(row[0])
