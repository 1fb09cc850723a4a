"""Verbs in the transaction of a caller's. SQLite has one writer at a time, so that one waits in line as ours do.

Callers do not hold the file lock: nobody could tell when they let it go. They hold it while they begin. From then on a
transaction of ours, which has the file lock, waits for SQLite's own.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from bide.errors import UnusableConnection
from bide.store.base import Clock, Fact, Inserted, NewJob, StepRow
from bide.store.callers import SqlAlchemy, unsupported
from bide.store.sqlite import running
from bide.store.sqlite.callers import DRIVERS, Lent, as_ours, begins_by_itself, commit, lend, rollback
from bide.store.sqlite.failures import busy, code_of, translate
from bide.store.sqlite.filelock import FileLock, lock_path
from bide.store.sqlite.intake import insert
from bide.store.sqlite.sql import statement
from bide.store.sqlite.wake import Wakes
from bide.store.sqlite.writer import Tx, Verb
from bide.thread import in_thread

T = TypeVar("T")

_HOLD = statement("hold")

PAUSES = 0.001, 0.02
"""Seconds between two looks whether SQLite's write lock is free, at first and at most."""


class Joined:
    """`told` are the sessions of which it is known when they commit."""

    def __init__(
        self, on: object, path: str, clock: Clock, wakes: Wakes, told: WeakSet[Any], *, patience: float
    ) -> None:
        self._on = on
        self._session = SqlAlchemy.find(on)
        self._path = path
        self._clock = clock
        self._wakes = wakes
        self._told = told
        self._patience = patience
        if self._session is None and lend(on) is None:
            raise unsupported(on, DRIVERS)

    async def begin(self) -> None:
        await self._hold(await self._lent(), begins=True)

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        return await self._write(insert(jobs)) if jobs else []

    async def record(self, job: str, lease: int, step: StepRow, data: str, facts: Sequence[Fact] = ()) -> None:
        def verb(tx: Tx) -> None:
            if facts:
                running.note(facts)(tx)
            running.record(job, lease, step, data)(tx)

        await self._write(verb)

    async def commit(self) -> None:
        if self._session is not None:
            await self._session.commit()
        else:
            await self._use(await self._lent(), commit)
        self._wakes.announce()

    async def rollback(self) -> None:
        if self._session is not None:
            await self._session.rollback()
        else:
            await self._use(await self._lent(), rollback)

    async def _write(self, verb: Verb[T]) -> T:
        lent = await self._lent()
        await self._hold(lent, begins=False)
        if self._session is not None:
            self._session.after_commits(self._told, self._wakes.announce)

        def within(db: sqlite3.Connection) -> T:
            with as_ours(db):
                db.execute("savepoint bide")
                try:
                    return verb(Tx(db, self._clock.now(), _nothing))
                except BaseException:
                    with suppress(sqlite3.Error):  # some errors end the whole transaction
                        db.execute("rollback to bide")
                    raise
                finally:
                    with suppress(sqlite3.Error):
                        db.execute("release bide")

        return await self._use(lent, within)

    async def _lent(self) -> Lent:
        connection = self._on if self._session is None else await self._session.connection(lambda _: True)
        lent = lend(connection)
        if lent is None:
            raise unsupported(connection, DRIVERS)
        return lent

    async def _use(self, lent: Lent, call: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await lent.use(call)
        except sqlite3.ProgrammingError as error:
            raise UnusableConnection(
                f"This connection cannot be used: {error}",
                hint="Is it closed? One that several threads use needs sqlite3.connect(…, check_same_thread=False).",
            ) from error
        except sqlite3.OperationalError as error:
            raise translate(error, self._path) from error

    # ── The write lock ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _hold(self, lent: Lent, *, begins: bool) -> None:
        """Have SQLite's write lock, in the caller's transaction. Where none is open it begins, if the driver does that
        itself or `begins` says so."""
        if await self._use(lent, lambda db: self._try(db, begins=begins, waited=False)):
            return
        deadline = time.monotonic() + self._patience
        async with self._line(deadline):
            pause, longest = PAUSES
            while not await self._use(lent, lambda db: self._try(db, begins=begins, waited=True)):
                if time.monotonic() > deadline:
                    raise busy(self._path)
                await asyncio.sleep(pause)
                pause = min(longest, pause * 2)

    def _try(self, db: sqlite3.Connection, *, begins: bool, waited: bool) -> bool:
        """Whether it has the write lock now. Who holds it already does not get in line: the one in front of it may be
        waiting for it."""
        self._same_file(db)
        if not db.in_transaction:
            if not begins and not begins_by_itself(db):
                raise UnusableConnection(
                    "This connection is in no transaction: what is written on it would stand at once.",
                    hint="Begin one first: await bide.begin(connection).",
                )
            if not waited:
                return False
        with as_ours(db):
            try:
                # One that was begun without it can only ask for it.
                db.execute(_HOLD if db.in_transaction else "begin immediate").close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT:
                    raise UnusableConnection(
                        f"Others have written to {self._path} since this transaction has read from it.",
                        hint="Take it back and begin it with await bide.begin(…), before it reads.",
                    ) from error
                if code_of(error) != sqlite3.SQLITE_BUSY:
                    raise
                return False
        return True

    def _same_file(self, db: sqlite3.Connection) -> None:
        with as_ours(db):
            path = next(path for _, name, path in db.execute("pragma database_list").fetchall() if name == "main")
            # Only the process that is chosen for it moves the log into the file.
            db.execute("pragma wal_autocheckpoint = 0").close()
        try:
            same = bool(path) and Path(path).samefile(self._path)
        except OSError:
            same = False
        if not same:
            raise UnusableConnection(
                f"This connection is to {path or 'a database in memory'}, and the jobs are in {self._path}.",
                hint="One transaction is in one file: keep your tables in that one, or enqueue without on=.",
            )

    @asynccontextmanager
    async def _line(self, deadline: float) -> AsyncGenerator[None]:
        """Wait in line for the file lock. Raises StoreBusy."""
        with closing(FileLock(lock_path(self._path))) as lock:
            if not lock.try_acquire():
                try:
                    async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                        # Should this give up, the lock goes with the file, as soon as that thread has it.
                        await in_thread("bide-line", lock.acquire)
                except TimeoutError:
                    raise busy(self._path) from None
            yield


def _nothing() -> None:
    """A caller's event loop has nothing to do meanwhile."""
