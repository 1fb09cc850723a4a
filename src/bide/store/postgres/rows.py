"""What this database adds to rows."""

from __future__ import annotations

from collections.abc import Iterable

from bide.store.base import LAZY_BYTES, JobRow
from bide.store.postgres.database import Tx
from bide.store.postgres.sql import statement
from bide.store.rows import job_row

_GET = statement("get")


async def job_rows(tx: Tx, ids: Iterable[str], owner: str | None = None) -> list[JobRow]:
    return [job_row(row) for row in await tx.fetch(_GET, ids=list(ids), owner=owner)]


LAZY = {"lazy": LAZY_BYTES}
