"""Which schema a database has, read without Alembic."""

from __future__ import annotations

from bide.store.postgres.driver import Connection
from bide.store.postgres.migrations import VERSION_TABLE
from bide.store.postgres.sql import quote


async def stamp_of(db: Connection, schema: str) -> str | None:
    """The revision a database is at; None where nothing of Bide is in it."""
    table = f"{quote(schema)}.{quote(VERSION_TABLE)}"
    if (await db.fetch("select to_regclass($1)::text", table))[0][0] is None:
        return None
    rows = await db.fetch(f"select version_num from {table}")  # noqa: S608 - quoted names
    return str(rows[0][0]) if rows else None
