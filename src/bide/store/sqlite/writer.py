"""The one thread of a process that writes.

Callers on any event loop hand in verbs; while a transaction is in flight the next verbs gather, and then share one: one
file lock, one BEGIN, one COMMIT, one fsync. Each runs under a savepoint of its own, so one that fails takes back only
what it did. Nobody is answered before the COMMIT.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

from bide.errors import StoreUnavailable
from bide.store.base import Clock, Hint
from bide.store.sqlite.checkpoint import Checkpointer
from bide.store.sqlite.failures import busy, code_of, translate, translated
from bide.store.sqlite.filelock import FileLock, lock_path, turn_path
from bide.store.sqlite.procedure import create_all
from bide.store.sqlite.wake import Wakes

T = TypeVar("T")

GROUP = 256
"""How many verbs share a transaction at most: a bound on how long one is, and with it on how long others wait."""

POLL = 0.2
"""Seconds between two looks for the commits of processes that could not tell of them, while somebody listens."""

IDLE = 1.0
"""The same while nobody listens: a leader must see the WAL grow even where it writes nothing itself."""

RERUNS = 6
"""How often a transaction is run again after a COMMIT whose outcome is unknown."""

_ENVIRONMENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
"""Errors of the machine rather than of a verb. Some end the whole transaction, so none is left to one savepoint."""


class Tx:
    """The transaction a verb runs in: its connection, its one time, and what to tell others after the commit."""

    __slots__ = ("at_work", "cancel", "changed", "db", "now", "ready")

    def __init__(self, db: sqlite3.Connection, now: int, at_work: Callable[[], None]) -> None:
        self.db = db
        self.now = now
        self.at_work = at_work
        """To call before SQLite has much to do: then the caller's event loop need not wait for this thread."""
        self.ready = False
        """A job became claimable."""
        self.cancel = False
        """A running job was asked to end."""
        self.changed = False
        """Something that a reader can see has changed."""


Verb: TypeAlias = Callable[[Tx], T]
Connect: TypeAlias = Callable[..., sqlite3.Connection]


class _State(Enum):
    QUEUED = auto()
    BEGUN = auto()
    DROPPED = auto()


class _Call(Generic[T]):
    __slots__ = ("_meanwhile", "future", "long", "loop", "state", "verb")

    def __init__(
        self,
        verb: Verb[T],
        loop: asyncio.AbstractEventLoop,
        *,
        long: bool,
        meanwhile: Callable[[], None] | None,
    ) -> None:
        self.verb = verb
        self.long = long
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.state = _State.QUEUED
        self._meanwhile = meanwhile

    def at_work(self) -> None:
        """Let the caller do what it has to do meanwhile; once."""
        if self._meanwhile is not None:
            _later(self.loop, self._meanwhile)
            self._meanwhile = None


class _Answer:
    """What a call is told: a value, or an error."""

    __slots__ = ("call", "error", "value")

    def __init__(self, call: _Call[Any], value: Any = None, error: Exception | None = None) -> None:
        self.call = call
        self.value = value
        self.error = error


class _OutcomeUnknown(Exception):
    """COMMIT failed and the transaction is over all the same: it may be in the database, or not."""


class Writer:
    """Start it with `open`. `prepare` runs first, in the writing thread; what it raises, `open` raises."""

    def __init__(
        self,
        path: str,
        clock: Clock,
        wakes: Wakes,
        *,
        connect: Connect,
        synchronous: str,
        busy_timeout: float,
        prepare: Callable[[], None],
    ) -> None:
        self._path = path
        self._clock = clock
        self._wakes = wakes
        self._connect = connect
        self._synchronous = synchronous
        self._busy_timeout = busy_timeout
        self._prepare = prepare
        self._queue: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._gate = threading.Lock()
        """Held for moments, around each change of a call's state and of `_closed`."""
        self._closed = False
        self._busy = False
        """Whether it is in a transaction now."""
        self._db: sqlite3.Connection | None = None
        self._version: int | None = None
        self._looked = 0.0
        self._thread: threading.Thread | None = None
        self._turn: FileLock | None = None

    # ── On the callers' event loops ──────────────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        opened = loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(loop, opened), name="bide-writer", daemon=True)
        self._thread.start()
        await opened

    async def close(self) -> None:
        """Run what is queued, then end the thread. A lock that others never let go does not hold this up for ever."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, self._busy_timeout + 1)

    async def submit(self, verb: Verb[T], *, long: bool = False, meanwhile: Callable[[], None] | None = None) -> T:
        """Run `verb` in a transaction; returns what it returned, after the commit.

        `verb` may be run more than once, but only the last run is kept. Where the await is cancelled, a verb that has
        not begun is dropped, and one that has is finished. `long`: it writes so much that others notice. `meanwhile` is
        called on the caller's event loop, at most once, when that need not wait for the writing thread.
        """
        loop = asyncio.get_running_loop()
        call = _Call(verb, loop, long=long, meanwhile=meanwhile)
        with self._gate:
            if self._closed:
                raise StoreUnavailable(f"{self._path} is closed.")
            if self._busy:
                # The thread comes to this call later: until then the caller need not wait.
                call.at_work()
            self._queue.put(call)
        bound = loop.call_later(self._busy_timeout, self._give_up, call)
        try:
            return await call.future
        finally:
            bound.cancel()
            self._drop(call)

    def _drop(self, call: _Call[Any]) -> bool:
        with self._gate:
            if call.state is not _State.QUEUED:
                return False
            call.state = _State.DROPPED
            return True

    def _give_up(self, call: _Call[Any]) -> None:
        if self._drop(call) and not call.future.done():
            call.future.set_exception(busy(self._path))

    # ── In the writing thread ────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        try:
            with translated(self._path):
                self._prepare()
                lock = FileLock(lock_path(self._path))
                self._turn = FileLock(turn_path(self._path))
                checkpoints = Checkpointer(self._path)
                with lock:
                    self._connection()
        except BaseException as error:  # noqa: BLE001 - whatever it is, `open` raises it
            self._closed = True
            _later(loop, _fail, opened, error)
            return
        _later(loop, _succeed, opened)
        try:
            self._work(lock, checkpoints)
        finally:
            if self._db is not None:
                checkpoints.close(self._db)
                self._db.close()
            lock.close()
            self._turn.close()

    def _work(self, lock: FileLock, checkpoints: Checkpointer) -> None:
        last = False
        while not last:
            calls, last = self._gather()
            if calls:
                self._busy = True
                answers = self._perform(calls, lock)
                self._busy = False
                self._tell(answers)
            with contextlib.suppress(sqlite3.Error, OSError):
                self._look()
                if self._db is not None:
                    checkpoints.tick(self._db, lock)

    def _gather(self) -> tuple[list[_Call[Any]], bool]:
        """The calls that are waiting, and whether they are the last."""
        calls: list[_Call[Any]] = []
        try:
            call = self._queue.get(timeout=POLL if self._wakes.listened else IDLE)
            while call is not None:
                calls.append(call)
                if len(calls) == GROUP:
                    return calls, False
                call = self._queue.get_nowait()
        except Empty:
            return calls, False
        return calls, True

    def _perform(self, calls: Sequence[_Call[Any]], lock: FileLock) -> list[_Answer]:
        unknown: BaseException | None = None
        for run in range(RERUNS):
            if run:
                time.sleep(0.01 * 2**run)
            try:
                with self._locked(calls, lock):
                    return self._transact(calls)
            except _OutcomeUnknown as error:
                # Every verb finds by its token what it did, if it did; but then it changes nothing, and tells nobody.
                self._wakes.note(ready=True, cancel=True, changed=True)
                unknown = error.__cause__
            except Exception as error:  # noqa: BLE001 - this thread must answer every call, whatever happens to it
                self._clean_up(error)
                if unknown is not None:
                    continue
                begun = [call for call in calls if call.state is _State.BEGUN]
                if len(begun) > 1:
                    # One may be too large for the disk, and the others not.
                    return [answer for call in begun for answer in self._perform([call], lock)]
                return self._failed(calls, error)
        assert unknown is not None
        message = (
            f"{self._path}: {unknown}. Whether it was written could not be found out: the same call may be repeated."
        )
        return [_Answer(call, error=StoreUnavailable(message)) for call in calls]

    @contextlib.contextmanager
    def _locked(self, calls: Sequence[_Call[Any]], lock: FileLock) -> Generator[None]:
        """Hold the file lock. Processes that drain queue for their turn first: who writes little waits for only one."""
        held: list[FileLock] = []
        try:
            for one in (self._turn, lock) if any(call.long for call in calls) else (lock,):
                assert one is not None, "they are made before the first call"
                if not one.try_acquire():
                    for call in calls:
                        call.at_work()
                    one.acquire()
                held.append(one)
            yield
        finally:
            for one in reversed(held):
                one.release()

    def _transact(self, calls: Sequence[_Call[Any]]) -> list[_Answer]:
        db = self._connection()
        db.execute("begin immediate")
        calls = self._begin(calls)
        now = self._clock.now()
        answers: list[_Answer] = []
        ready = cancel = changed = False
        for call in calls:
            tx = Tx(db, now, call.at_work)
            answer = self._execute(tx, call, alone=len(calls) == 1)
            answers.append(answer)
            if answer.error is None:
                ready, cancel, changed = ready or tx.ready, cancel or tx.cancel, changed or tx.changed
        if db.in_transaction:
            self._commit(db)
        self._wakes.note(ready=ready, cancel=cancel, changed=changed)
        return answers

    def _begin(self, calls: Iterable[_Call[Any]]) -> list[_Call[Any]]:
        """Those that still wait; from here on they are run to their end."""
        with self._gate:
            calls = [call for call in calls if call.state is not _State.DROPPED]
            for call in calls:
                call.state = _State.BEGUN
        return calls

    def _execute(self, tx: Tx, call: _Call[Any], *, alone: bool) -> _Answer:
        db = tx.db
        if not alone:
            db.execute("savepoint verb")
        try:
            answer = _Answer(call, call.verb(tx))
        except Exception as error:
            if isinstance(error, sqlite3.Error) and code_of(error) in _ENVIRONMENT:
                raise
            db.execute("rollback" if alone else "rollback to verb")
            answer = _Answer(call, error=error)
        if not alone:
            db.execute("release verb")
        return answer

    def _commit(self, db: sqlite3.Connection) -> None:
        try:
            db.execute("commit")
        except sqlite3.Error as error:
            if db.in_transaction or code_of(error) == sqlite3.SQLITE_FULL:
                raise  # a commit that found no space has not written its last frame
            self._disconnect()
            raise _OutcomeUnknown from error

    def _clean_up(self, error: Exception) -> None:
        """After an error that says that nothing was written: back to a connection that works."""
        db = self._db
        if db is None:
            return
        try:
            if db.in_transaction:
                db.execute("rollback")
        except sqlite3.Error:
            self._disconnect()
            return
        if not isinstance(error, sqlite3.Error) or code_of(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL):
            self._disconnect()

    def _failed(self, calls: Iterable[_Call[Any]], error: Exception) -> list[_Answer]:
        told = error
        if isinstance(error, sqlite3.Error):
            told = translate(error, self._path)
        elif isinstance(error, OSError):
            told = StoreUnavailable(f"{self._path}: {error}")
        return [_Answer(call, error=told) for call in self._begin(calls)]

    def _tell(self, answers: Iterable[_Answer]) -> None:
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Answer]] = defaultdict(list)
        for answer in answers:
            by_loop[answer.call.loop].append(answer)
        for loop, its in by_loop.items():
            _later(loop, _resolve, its)
        self._wakes.tell()

    def _look(self) -> None:
        """See the commits of others. On this very connection, where its own do not count."""
        now = time.monotonic()
        if not self._wakes.listened or now - self._looked < POLL:
            return
        self._looked = now
        (version,) = self._connection().execute("pragma data_version").fetchone()
        if version != self._version:
            self._version = version
            self._wakes.hear(*Hint)

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            db = self._connect(
                self._path,
                isolation_level=None,
                timeout=self._busy_timeout,
                cached_statements=256,
                check_same_thread=False,
            )
            try:
                create_all(db)
                db.execute("pragma journal_mode = wal")
                db.execute(f"pragma synchronous = {self._synchronous}")
                db.execute("pragma wal_autocheckpoint = 0")
                (version,) = db.execute("pragma data_version").fetchone()
            except BaseException:
                db.close()
                raise
            if self._version is not None:
                # What others committed while there was no connection, this one counts as seen.
                self._wakes.hear(*Hint)
            self._db, self._version = db, version
        return self._db

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()


# ── Back on the callers' event loops ─────────────────────────────────────────────────────────────────────────────────


def _later(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # a loop that has been closed meanwhile: nobody waits there
        loop.call_soon_threadsafe(callback, *arguments)


def _resolve(answers: Sequence[_Answer]) -> None:
    for answer in answers:
        future = answer.call.future
        if future.done():
            continue
        if answer.error is None:
            future.set_result(answer.value)
        else:
            future.set_exception(answer.error)


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
