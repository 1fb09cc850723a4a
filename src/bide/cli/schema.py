"""The schema of a database, whichever it is."""

from __future__ import annotations

import asyncio

from bide.app import is_postgres, sqlite_path
from bide.settings import Settings
from bide.store.address import shown
from bide.store.schema import SchemaStatus
from bide.store.sqlite.migrations import run as sqlite


def name_of(url: str) -> str:
    """What a database is called in messages: without a password. Raises InvalidOption."""
    if is_postgres(url):
        return shown(url)
    return sqlite_path(url)


def status(url: str, settings: Settings) -> SchemaStatus:
    """Which revision the database is at; changes nothing."""
    if is_postgres(url):
        from bide.store.postgres.migrations import run as postgres

        return asyncio.run(postgres.status(url, settings.database_schema))
    return sqlite.status(sqlite_path(url))


def up(url: str, settings: Settings) -> SchemaStatus:
    if is_postgres(url):
        from bide.store.postgres.migrations import run as postgres

        return asyncio.run(postgres.up(url, schema=settings.database_schema))
    return sqlite.up(sqlite_path(url))


def down(url: str, revision: str, settings: Settings) -> SchemaStatus:
    if is_postgres(url):
        from bide.store.postgres.migrations import run as postgres

        return asyncio.run(postgres.down(url, revision, settings.database_schema))
    return sqlite.down(sqlite_path(url), revision)
