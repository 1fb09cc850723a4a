"""Readers: a few threads, each with a connection that cannot write. They see the last commit, and hold up no writer."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from bide.errors import StoreUnavailable
from bide.store.sqlite.failures import translate, translated

T = TypeVar("T")
Connect: TypeAlias = Callable[..., sqlite3.Connection]

THREADS = 3


class Readers:
    def __init__(self, path: str, busy_timeout: float, connect: Connect) -> None:
        self._path = path
        self._connect_to = connect
        self._busy_timeout = busy_timeout
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bide-reader")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._marks: sqlite3.Cursor | None = None
        self._closed = False

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` on a reading connection. It fetches all it returns: an open cursor would hold the WAL back."""
        if self._closed:
            raise StoreUnavailable(f"{self._path} is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._query, query)

    def mark(self) -> int:
        """`data_version`, on a connection that does nothing else: it changes with every commit of any other one."""
        with self._lock:
            if self._closed:
                raise StoreUnavailable(f"{self._path} is closed.")
            # Asked before every read from the cache: a cursor that is kept, and no block around it, halve its price.
            try:
                if self._marks is None:
                    self._marks = self._connect().cursor()
                version: int = self._marks.execute("pragma data_version").fetchone()[0]
            except sqlite3.Error as error:
                raise translate(error, self._path) from error
            return version

    async def close(self) -> None:
        with self._lock:
            self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        with self._lock:
            for db in self._connections:
                db.close()
            self._connections.clear()

    def _query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        with translated(self._path):
            db: sqlite3.Connection | None = getattr(self._local, "db", None)
            if db is None:
                with self._lock:
                    db = self._local.db = self._connect()
            return query(db)

    def _connect(self) -> sqlite3.Connection:
        db = self._connect_to(
            self._path,
            isolation_level=None,
            timeout=self._busy_timeout,
            cached_statements=256,
            check_same_thread=False,
        )
        db.execute("pragma query_only = on")
        db.execute("pragma wal_autocheckpoint = 0")
        self._connections.append(db)
        return db


@contextmanager
def snapshot(db: sqlite3.Connection) -> Generator[None]:
    """Let several queries see the same moment."""
    db.execute("begin")
    try:
        yield
    finally:
        db.execute("commit")
