"""Transactions: on which connection, how often they are tried, and what is told after the commit.

A store belongs to the event loop that opened it, as its connections do; calls from other loops are handed there. What
keeps a worker alive has a thread and a connection of its own: neither a blocked event loop nor others' statements hold
it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias, TypeVar

from bide.batch import is_flushing
from bide.errors import BideError, StoreBusy, StoreUnavailable
from bide.portal import Portal
from bide.store.address import shown
from bide.store.base import Clock
from bide.store.postgres.connections import Connections
from bide.store.postgres.driver import HEARTBEAT, STANDSTILL, Connection, Fetching, Row, connect
from bide.store.postgres.failures import Fate, fate_of, translate
from bide.store.postgres.sql import Statement, statement
from bide.store.postgres.wake import Wakes

T = TypeVar("T")

log = logging.getLogger("bide.store")

TRYING = 2.0
"""Seconds for which a transaction is tried again that is known to have written nothing."""

LOCK_TIMEOUT = 2_000
"""Milliseconds that one row is waited for. Whoever has it does not keep it for long."""

IDLE_TIMEOUT = 10_000
"""Milliseconds for which a process may stand still within a transaction, before the rows it holds are let go."""

INTAKE = 2
"""Connections for jobs that are accepted: while the server is at work on some, the process makes others."""

LEVEL = "read committed"
"""What every transaction runs at: statements that wait for rows, or for those who write events, then see what these
have committed."""

_SOONER = "Commit sooner what keeps rows of Bide locked; pg_stat_activity shows who waits for whom."
"""The remedy where a larger pool is none."""

_BEGIN = (
    f"begin isolation level {LEVEL}; set local lock_timeout = {LOCK_TIMEOUT};"
    f" set local idle_in_transaction_session_timeout = {IDLE_TIMEOUT}"
)
_TICKET = statement("ticket")


class Tx:
    """The transaction a verb runs in: its connection, its one time, and what to tell others after the commit."""

    __slots__ = ("_announced", "_db", "_schema", "again", "begun", "cancel", "changed", "now", "ready")

    def __init__(self, db: Fetching, schema: str, now: int, again: bool) -> None:
        self._db = db
        self._schema = schema
        self._announced = False
        self.now = now
        self.again = again
        """An earlier run of the verb may have been committed."""
        self.ready = False
        """A job became claimable."""
        self.cancel = False
        """A running job was asked to end."""
        self.changed = False
        """Something that a reader can see has changed."""
        self.begun = False
        """Jobs were claimed: readers see that, too, but nobody waits for it."""

    async def fetch(self, what: Statement, /, **parameters: Any) -> list[Row]:
        return list(await self._db.fetch(what.within(self._schema), *what.arguments(parameters)))

    async def first(self, what: Statement, /, **parameters: Any) -> Row | None:
        rows = await self.fetch(what, **parameters)
        return rows[0] if rows else None

    async def announce(self) -> None:
        """Say that events are about to be written; once is enough."""
        if not self._announced:
            await self.fetch(_TICKET)
            self._announced = True


Verb: TypeAlias = Callable[[Tx], Awaitable[T]]


class Database:
    """Open it on the event loop that it is to belong to."""

    def __init__(
        self, url: str, schema: str, clock: Clock, wakes: Wakes, *, pool: int, patience: float, cached_statements: int
    ) -> None:
        self.name = shown(url)
        self._schema = schema
        self._clock = clock
        self._wakes = wakes
        self._patience = patience
        self._home = asyncio.get_running_loop()
        self._calls: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._stricter = False
        """Whether the database or the role is set to another level: then no statement is a transaction by itself."""

        async def make(standstill: float = STANDSTILL) -> Connection:
            db = await connect(url, cached_statements=cached_statements, standstill=standstill)
            try:
                ((level,),) = await db.fetch("show default_transaction_isolation")
            except BaseException:
                db.terminate()
                raise
            self._stricter = level != LEVEL
            return db

        self.writes = Connections(make, 1, patience, "writes", _SOONER)
        """All that executing writes in batches goes through one: two batches never wait for each other."""
        self.intake = Connections(make, INTAKE, patience, "enqueueing", _SOONER)
        self.pool = Connections(
            make, pool, patience, "reading and for people's calls", "Else make BIDE_POOL_SIZE larger."
        )
        self._lifeline = Connections(partial(make, HEARTBEAT), 1, patience, "heartbeats", _SOONER)
        self._apart: Portal | None = None
        self._kept: set[Future[Any]] = set()
        """The calls that run apart."""

    async def read(self, query: Verb[T]) -> T:
        """Run one statement, or several that need not see the same moment."""
        return await self.at_home(lambda: self._try(query, self.pool, single=True, reads=True))

    async def write(self, verb: Verb[T]) -> T:
        """Run `verb` in a transaction; returns what it returned, after the commit.

        `verb` may be run more than once, but only the last run is kept. Where the await is cancelled, what has begun is
        finished.
        """
        return await self.at_home(lambda: self._try(verb, self.pool))

    async def accept(self, verb: Verb[T]) -> T:
        """Run it on a connection for jobs that are accepted. It is one statement, a transaction by itself."""
        return await self.at_home(lambda: self._try(verb, self.intake, single=True))

    async def batch(self, verb: Verb[T], *, single: bool = True) -> T:
        """Run it on the one connection for what executing writes. `single`: it is one statement, as in `accept`."""
        return await self.at_home(lambda: self._try(verb, self.writes, single=single))

    async def keep_alive(self, verb: Verb[T]) -> T:
        """Run it apart from all others. Where the await is cancelled, it is finished all the same."""
        if self._apart is None:
            self._refuse_closed()
            self._apart = Portal()
        running = asyncio.run_coroutine_threadsafe(self._try(verb, self._lifeline), self._apart.loop)
        self._kept.add(running)
        running.add_done_callback(self._kept.discard)
        return await asyncio.shield(asyncio.wrap_future(running))

    def within(self, db: Fetching) -> Tx:
        """What a verb runs in that takes part in the transaction of this connection."""
        return Tx(db, self._schema, self._clock.now(), False)

    async def close(self) -> None:
        """Finish what was begun."""
        self._closed = True
        if self._calls:
            await asyncio.wait(self._calls, timeout=self._patience)
        await self.pool.close()
        await self.intake.close()
        await self.writes.close()
        if (apart := self._apart) is not None:
            self._apart = None
            kept = [asyncio.wrap_future(call) for call in tuple(self._kept)]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await asyncio.gather(*kept, return_exceptions=True)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._lifeline.close(), apart.loop))
            await asyncio.to_thread(apart.close)

    async def at_home(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run it on the event loop of the store, to its end."""
        self._refuse_closed()
        if asyncio.get_running_loop() is self._home:
            return await self._begin(call())
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._begin(call()), self._home))

    async def _begin(self, call: Coroutine[Any, Any, T]) -> T:
        # A statement that is cut off leaves a connection of no use, and a COMMIT nobody knows about: it is finished.
        answer: asyncio.Future[T] = self._home.create_future()
        self._calls.add(answer)
        answer.add_done_callback(self._calls.discard)
        if is_flushing():
            # Nobody cuts it off, and a task of its own would take two more turns of the event loop.
            await _answer(call, answer)
        else:
            task = self._home.create_task(_answer(call, answer))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
        return await answer

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self.name} is closed.", hint="Call it while the app is open.")

    async def _try(self, verb: Verb[T], connections: Connections, *, single: bool = False, reads: bool = False) -> T:
        began = time.monotonic()
        unknown = False
        wait = 0.02
        while True:
            sent = False
            try:
                async with connections.take() as db:
                    tx = Tx(db, self._schema, self._clock.now(), unknown)
                    if single and not self._stricter:
                        sent = not reads
                        value = await verb(tx)
                    else:
                        await db.execute(_BEGIN)
                        try:
                            value = await verb(tx)
                        except BaseException:
                            await _take_back(db)
                            raise
                        sent = not reads
                        await db.execute("commit")
                self._wakes.note(ready=tx.ready, cancel=tx.cancel, changed=tx.changed, begun=tx.begun)
                return value
            except BideError as error:
                if unknown and isinstance(error, StoreBusy):
                    raise self._unknown(error) from error
                raise
            except Exception as error:
                fate = fate_of(error)
                if fate is Fate.WRONG:
                    raise
                if fate is Fate.GONE and sent:
                    # The verb finds by its token what it did, if it did; but then it tells nobody.
                    unknown = True
                    self._wakes.note(ready=True, cancel=True, changed=True)
                log.info("%s: a transaction was lost or taken back: %s", self.name, error)
                passed = time.monotonic() - began
                if fate is Fate.REFUSED or passed > (self._patience if unknown else TRYING):
                    if unknown:
                        raise self._unknown(error) from error
                    raise translate(error, self.name) from error
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(0.5, wait * 2)

    def _unknown(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self.name}: {error}. Whether it was written could not be found out.",
            hint="Make the same call again once the database answers.",
        )


async def _answer(call: Coroutine[Any, Any, T], answer: asyncio.Future[T]) -> None:
    """Hand on what comes of it, at once: who looks at a task hears of its end a turn of the event loop later."""
    try:
        value = await call
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:  # noqa: BLE001 - it is for whoever awaits it
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(value)


async def _take_back(db: Connection) -> None:
    # Where even that fails, the connection is given up, and the server takes it back.
    with contextlib.suppress(Exception):
        await db.execute("rollback")
