"""What this database adds to rows: lists go into a statement as JSON, and what is large lives apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from bide.store.base import LAZY_BYTES, JobRow
from bide.store.rows import job_row, json
from bide.store.sqlite.sql import statement

INLINE = 1_000
"""Characters above which an input or a result has a row of its own."""

_GET = statement("get")


def inline(text: str) -> bool:
    return len(text) <= INLINE


def job_rows(db: sqlite3.Connection, ids: Iterable[str], owner: str | None = None) -> list[JobRow]:
    return [job_row(row) for row in db.execute(_GET, {"ids": json(list(ids)), "owner": owner}).fetchall()]


LAZY = {"lazy": LAZY_BYTES}
