"""What this database adds to rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bide.store.base import LAZY_BYTES, JobRow
from bide.store.postgres.database import Tx
from bide.store.postgres.sql import statement
from bide.store.rows import job_row

_GET = statement("get")


async def job_rows(tx: Tx, ids: Iterable[str], owner: str | None = None) -> list[JobRow]:
    return [job_row(row) for row in await tx.fetch(_GET, ids=list(ids), owner=owner)]


LAZY = {"lazy": LAZY_BYTES}


def shared(column: Sequence[Any]) -> Sequence[Any]:
    """A column of a statement that takes one value for all of its rows, where they are alike: see `spread_v1`."""
    return column[:1] if column.count(column[0]) == len(column) else column
