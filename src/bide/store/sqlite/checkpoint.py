"""Who moves the WAL back into the database, and when.

One process at a time, by a lock of its own: that keeps the others' commits short, and keeps away from the bug of
engines before 3.51.3 (3.50.7, 3.44.6) where two connections that checkpoint at once may corrupt the file. When
its holder dies, the next process that looks takes over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Generator
from functools import cache

from bide.store.sqlite.filelock import FileLock

log = logging.getLogger("bide.store")

ELECTION = 5.0
"""Seconds between two tries to become the leader."""

FRAMES = 1_000
"""Pages that may gather in the WAL: about 4 MB. A checkpoint of them takes some milliseconds."""

FRAME = 4_096

LARGE = 64 * 1024 * 1024
"""Bytes of a WAL file above which it is cut down, where readers let it."""


@cache
def warn_of_old_engine() -> None:
    """Say once, where jobs are executed, that others must not checkpoint this file with an old engine."""
    version = sqlite3.sqlite_version_info
    mended = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    if not mended:
        log.warning(
            "SQLite %s may corrupt a database that two connections checkpoint at once. Bide lets only one of its"
            " processes do it; do not write to its file with other programs, or use SQLite 3.51.3 or newer.",
            sqlite3.sqlite_version,
        )


class Checkpointer:
    """Used by the writing thread alone, between its transactions."""

    def __init__(self, path: str) -> None:
        self._wal = f"{path}-wal"
        self._lock = FileLock(f"{path}.leader")
        self._leads = self._lock.try_acquire()
        self._election = time.monotonic() + ELECTION
        self._last = self._next = time.monotonic()
        self._left = 0
        """Frames that the last round found and could not move: none, and the file begins anew."""

    def tick(self, db: sqlite3.Connection, writing: FileLock) -> None:
        """Checkpoint, if it is this process's to do and enough has gathered."""
        now = time.monotonic()
        if now < self._next or not self._elected(now):
            return
        try:
            size = os.stat(self._wal).st_size  # noqa: PTH116 - a Path object costs more than the call
        except FileNotFoundError:
            size = 0
        if size < FRAMES * FRAME:
            self._next = now + 0.02
            return
        if size > LARGE:
            with writing, _patience(db, 50):
                _, frames, moved = db.execute("pragma wal_checkpoint(truncate)").fetchone()
            # Where readers stood in the way, do not try at every turn.
            self._next = now + 1
        else:
            # SQLite starts the file again from its beginning once all of it has been moved, and does not shrink it: the
            # size no longer says how much is new. So the pace of the last round says when the next is due.
            _, frames, moved = db.execute("pragma wal_checkpoint(passive)").fetchone()
            if frames > 4 * FRAMES:
                # Others go on writing meanwhile, so that never all of it is moved: let them wait for the small rest.
                with writing:
                    _, frames, moved = db.execute("pragma wal_checkpoint(passive)").fetchone()
            new = frames - self._left if frames >= self._left else frames
            pace = (now - self._last) * FRAMES / max(new, 1)
            self._next = time.monotonic() + min(max(pace, 0.02), 1.0)
        self._last, self._left = now, 0 if moved == frames else frames

    def close(self, db: sqlite3.Connection) -> None:
        if self._leads:
            with contextlib.suppress(sqlite3.Error):
                db.execute("pragma wal_checkpoint(passive)")
        self._lock.close()

    def _elected(self, now: float) -> bool:
        if not self._leads and now >= self._election:
            self._leads = self._lock.try_acquire()
            self._election = now + ELECTION
        return self._leads


@contextlib.contextmanager
def _patience(db: sqlite3.Connection, milliseconds: int) -> Generator[None]:
    (before,) = db.execute("pragma busy_timeout").fetchone()
    db.execute(f"pragma busy_timeout = {milliseconds:d}")
    try:
        yield
    finally:
        db.execute(f"pragma busy_timeout = {before:d}")
