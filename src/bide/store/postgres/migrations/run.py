"""Bring a database to a revision, all or nothing, by one at a time.

Alembic writes the SQL and asyncpg executes it: no second driver is needed, and no event loop is blocked.
"""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bide.errors import BideError, InvalidOption
from bide.store.address import shown
from bide.store.postgres.driver import Connection, connect
from bide.store.postgres.failures import Fate, fate_of, translate
from bide.store.postgres.migrations import HEAD, SCHEMA, VERSION_TABLE, schema_name
from bide.store.postgres.migrations.stamp import stamp_of
from bide.store.postgres.sql import quote
from bide.store.schema import SchemaStatus, refuse_newer

LOCK_TIMEOUT = "5s"
"""A migration that waits for a lock makes everybody wait who comes after it: rather it fails, and is tried again."""

_ALEMBIC = threading.Lock()
"""Alembic hands its context to scripts through globals: two threads must not use it at once."""


async def status(url: str, schema: str = SCHEMA) -> SchemaStatus:
    """Which revision the database is at."""
    async with connected(url) as db:
        return SchemaStatus(await stamp_of(db, schema_name(schema)), HEAD)


async def up(url: str, revision: str = "head", schema: str = SCHEMA) -> SchemaStatus:
    """Upgrade, by default to what this code works with. Its schema is created where it is not there.

    Raises SchemaMismatch where the database is newer than this code.
    """
    async with _exclusively(url, schema) as db:
        stamp = await stamp_of(db, schema)
        refuse_newer(stamp, HEAD)
        if stamp != (HEAD if revision == "head" else revision):
            await db.execute(f"create schema if not exists {quote(schema)}")
            await db.execute(_script(f"{stamp or 'base'}:{revision}", schema, up=True))
        return SchemaStatus(await stamp_of(db, schema), HEAD)


async def down(url: str, revision: str, schema: str = SCHEMA) -> SchemaStatus:
    """Downgrade to a revision, or to `base`: no table left. Stop all workers first: data of newer columns is lost.

    Raises InvalidOption for a revision that there is not.
    """
    async with _exclusively(url, schema) as db:
        stamp = await stamp_of(db, schema)
        refuse_newer(stamp, HEAD)
        if stamp is not None:
            await db.execute(_script(f"{stamp}:{revision}", schema, up=False))
            if await stamp_of(db, schema) is None:
                await _leave_nothing(db, schema)
        return SchemaStatus(await stamp_of(db, schema), HEAD)


async def _leave_nothing(db: Connection, schema: str) -> None:
    await db.execute(f"drop table {quote(schema)}.{quote(VERSION_TABLE)}")
    query = "select count(*) from pg_class where relnamespace = to_regnamespace($1)"
    if (await db.fetch(query, quote(schema)))[0][0] == 0:
        await db.execute(f"drop schema {quote(schema)}")


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Connection]:
    """A connection for a moment. Raises StoreError where the database cannot do what it is asked."""
    db: Connection | None = None
    try:
        # A migration takes as long as it takes.
        db = await connect(url, cached_statements=0, standstill=None)
        yield db
    except BideError:
        raise
    except Exception as error:
        if fate_of(error) is Fate.WRONG:
            raise
        raise translate(error, shown(url)) from error
    finally:
        if db is not None:
            try:
                await db.close(timeout=5.0)
            except Exception:  # noqa: BLE001 - what went wrong before is what is to be told
                db.terminate()


@asynccontextmanager
async def _exclusively(url: str, schema: str) -> AsyncGenerator[Connection]:
    """A transaction, of one migration at a time. Locks of transactions work behind a pooler, too."""
    schema_name(schema)
    async with connected(url) as db:
        await db.execute(f"begin; set local lock_timeout = '{LOCK_TIMEOUT}'")
        await db.fetch("select pg_advisory_xact_lock(hashtext('bide.migrations'), hashtext($1))", schema)
        yield db
        await db.execute("commit")


def _script(revisions: str, schema: str, *, up: bool) -> str:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    output = io.StringIO()
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["schema"] = schema
    config.attributes["output"] = output
    try:
        with _ALEMBIC:
            (command.upgrade if up else command.downgrade)(config, revisions, sql=True)
    except CommandError as error:
        known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
        raise InvalidOption(
            f"There is no way to schema {revisions.partition(':')[2]!r}: {error}.",
            hint=f"Known are {', '.join(['base', *reversed(known)])}.",
        ) from None
    return output.getvalue()
