"""Bring a database to a revision, all or nothing, while no other writer is at work."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bide.errors import InvalidOption
from bide.store.schema import SchemaStatus, refuse_newer
from bide.store.sqlite.failures import translated
from bide.store.sqlite.filelock import FileLock, lock_path
from bide.store.sqlite.migrations import HEAD
from bide.store.sqlite.migrations.stamp import read_stamp, stamp_of

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_TIMEOUT = 10.0

_ALEMBIC = threading.Lock()
"""Alembic hands its context to scripts through globals: two threads must not migrate at once, of any databases."""


def status(path: str) -> SchemaStatus:
    """Which revision the database is at; does not create a file."""
    with translated(path):
        return SchemaStatus(read_stamp(path), HEAD)


def up(path: str, revision: str = "head") -> SchemaStatus:
    """Upgrade, by default to what this code works with. A file that is not there is created.

    Raises SchemaMismatch where the database is newer than this code.
    """
    with _exclusively(path) as db:
        stamp = stamp_of(db)
        refuse_newer(stamp, HEAD)
        if stamp != (HEAD if revision == "head" else revision):
            _migrate(db, revision, up=True)
        return SchemaStatus(stamp_of(db), HEAD)


def down(path: str, revision: str) -> SchemaStatus:
    """Downgrade to a revision, or to `base`: no table left. Stop all workers first: data of newer columns is lost.

    Raises InvalidOption for a revision that there is not.
    """
    with _exclusively(path) as db:
        refuse_newer(stamp_of(db), HEAD)
        _migrate(db, revision, up=False)
        return SchemaStatus(stamp_of(db), HEAD)


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT, check_same_thread=False)


@contextmanager
def _exclusively(path: str) -> Generator[sqlite3.Connection]:
    with translated(path), closing(FileLock(lock_path(path))) as lock, lock, closing(_connect(path)) as db:
        db.execute("pragma journal_mode = wal")
        yield db


def _migrate(db: sqlite3.Connection, revision: str, *, up: bool) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool)
    config = _config()
    try:
        with _ALEMBIC, engine.connect() as connection:
            # The driver's own transactions are off: SQLite takes part in schema changes only with a BEGIN of our own.
            connection.exec_driver_sql("begin immediate")
            config.attributes["connection"] = connection
            (command.upgrade if up else command.downgrade)(config, revision)
            connection.commit()
    except CommandError as error:
        known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
        raise InvalidOption(
            f"There is no way to schema {revision!r}: {error}.",
            hint=f"Known are {', '.join(['base', *reversed(known)])}.",
        ) from None
    except DBAPIError as error:
        # Callers know the database's own errors only.
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
