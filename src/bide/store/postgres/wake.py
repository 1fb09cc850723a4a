"""Telling who listens that something was committed: in this process, and in the others.

After a commit, and outside of it, one NOTIFY says what kind of thing has happened; what comes while one is under way
goes with the next. It is a hint and may be lost: the position of the events is looked at anyway, so everything would be
correct without it, only slower.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable

from bide.errors import InvalidOption
from bide.store.base import Hint
from bide.store.postgres.clock import DatabaseClock
from bide.store.postgres.driver import Connection, connect
from bide.store.postgres.sql import Statement, quote, statement
from bide.store.subscribers import Subscribers, soon

log = logging.getLogger("bide.store")

_LETTERS = {Hint.READY: "r", Hint.CANCEL: "x", Hint.CHANGED: "c"}
"""Whatever is told, something has changed: that goes without saying where there is more to tell."""

POLL = 1.0
"""Seconds between two looks at the position, while notifications arrive."""

DEAF = 0.2
"""The same while they do not."""

LATER = 0.002
"""Seconds after which others hear of jobs that have begun: with how they ended, if that comes sooner. So short ones
wake those who wait for their results once, and the jobs themselves begin before anything is told."""

PATIENCE = 5.0
"""Seconds after which a connection that does not answer counts as lost."""

BACKOFF = 0.1, 1.0
"""Seconds between two tries to connect, at first and at most. Each is a look, too: whoever listens is woken."""

_LOOK = statement("look")


def announcement(*, ready: bool) -> str:
    """What a transaction says when it commits that is no process's of a store: every process listens to it."""
    return f":{_LETTERS[Hint.READY if ready else Hint.CHANGED]}"


class Wakes:
    """One per store, of the event loop that opened it. `subscribe` and `note` may be called from any thread.

    `listens`: a session of `url` is one. Through a pooler that shares out transactions LISTEN would stay with a
    connection that others use next: there it only looks. `instead` is the way that everything else goes: where another
    one is named for listening, and leads nowhere, it looks there.
    """

    def __init__(self, url: str, schema: str, clock: DatabaseClock | None, *, listens: bool, instead: str) -> None:
        self._url = url
        self._instead = instead
        self._schema = schema
        self._clock = clock
        self._listens = listens
        self._home = asyncio.get_running_loop()
        self._subscribers = Subscribers()
        self._me = secrets.token_hex(6)
        self._noted: set[Hint] = set()
        self._news = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None
        self._listening: Connection | None = None
        self._using = asyncio.Lock()
        """Held around each statement: a connection does one at a time."""
        self._back = asyncio.Event()
        self._closing = False
        self._position = -1
        self._settled = asyncio.Event()
        """Set once it listens, or has found out that it cannot."""
        self._refused: InvalidOption | None = None
        self._looking: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._listen())
        self._telling = asyncio.create_task(self._tell())

    async def begin(self) -> None:
        """Wait until it listens, or has found out that it cannot. Raises InvalidOption for an address that is none."""
        await self._settled.wait()
        if self._refused is not None:
            raise InvalidOption(f"BIDE_LISTEN_URL: {self._refused.message}", hint=self._refused.hint)

    def subscribe(self, wake: Callable[[Hint], None]) -> Callable[[], None]:
        return self._subscribers.add(wake)

    def note(self, *, ready: bool, cancel: bool, changed: bool, begun: bool = False) -> None:
        """Something was committed: tell of it, everywhere. `begun`: jobs were claimed, of which others hear later."""
        hints = {hint for hint, told in ((Hint.READY, ready), (Hint.CANCEL, cancel)) if told}
        if not (hints or changed or begun):
            return
        keep = self._keep if hints or changed else self._keep_for_later
        hints.add(Hint.CHANGED)
        self._subscribers.tell(hints)
        # Not at once: whoever has waited for the commit goes on first.
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell others
            soon(self._home, keep, hints)

    async def close(self) -> None:
        """Tell what was noted last, then nobody any more."""
        self._subscribers.clear()
        await asyncio.sleep(0)  # what other threads have noted comes by the loop
        self._closing = True
        self._keep({Hint.CHANGED} if self._later is not None else set())
        await asyncio.wait([self._telling], timeout=PATIENCE)
        tasks = [task for task in (self._telling, self._task, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, hints: set[Hint]) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._noted |= hints
        self._news.set()

    def _keep_for_later(self, hints: set[Hint]) -> None:
        if self._later is None:
            self._later = self._home.call_later(LATER, self._keep, hints)

    # ── Telling others ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell(self) -> None:
        while not self._closing or self._noted:
            await self._news.wait()
            self._news.clear()
            noted, self._noted = self._noted, set()
            db = self._listening
            if db is None or not noted:
                continue  # others look for themselves
            letters = "".join(_LETTERS[hint] for hint in (noted - {Hint.CHANGED}) or noted)
            try:
                # A statement without parameters is one exchange, where one with them is to be prepared before.
                async with self._using:
                    await db.execute(f"notify {quote(self._schema)}, '{self._me}:{letters}'")
            except Exception as error:  # noqa: BLE001 - whatever it is, this task goes on telling
                log.debug("could not notify: %s", error)
                db.terminate()

    # ── Hearing of others ────────────────────────────────────────────────────────────────────────────────────────────

    async def _listen(self) -> None:
        wait, longest = BACKOFF
        while True:
            try:
                db = await self._connect(self._url, listens=self._listens)
            except InvalidOption as error:
                self._refused = error
                self._settled.set()
                return  # it stays what it is, however often it is tried
            except Exception as error:  # noqa: BLE001 - as long as it takes
                log.warning("no connection to listen on, trying again: %s", error)
                if self._looking is None and self._instead != self._url:
                    self._looking = asyncio.create_task(self._look_instead())
            else:
                if self._looking is not None:
                    self._looking.cancel()
                    await asyncio.gather(self._looking, return_exceptions=True)
                    self._looking = None
                try:
                    await self._hear_from(db, listens=self._listens)
                except Exception as error:  # noqa: BLE001 - as long as it takes
                    log.warning("the connection that listens was lost, connecting again: %s", error)
                    wait, _ = BACKOFF
                finally:
                    self._listening = None
                    db.terminate()
            self._settled.set()
            # What was committed meanwhile nobody told.
            self._subscribers.tell(tuple(Hint))
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(longest, wait * 2)

    async def _look_instead(self) -> None:
        """Look, and tell, by the way that everything else goes, until this is cancelled."""
        while True:
            try:
                db = await self._connect(self._instead, listens=False)
                try:
                    await self._hear_from(db, listens=False)
                finally:
                    self._listening = None
                    db.terminate()
            except Exception as error:  # noqa: BLE001 - as long as it takes
                log.debug("no connection to look by: %s", error)
            await asyncio.sleep(BACKOFF[1])

    async def _connect(self, url: str, *, listens: bool) -> Connection:
        # A connection may be half-open from its first words on.
        async with asyncio.timeout(PATIENCE):
            db = await connect(url, cached_statements=0)
            try:
                if listens:
                    await db.add_listener(self._schema, self._heard)
            except BaseException:
                db.terminate()
                raise
            return db

    async def _hear_from(self, db: Connection, *, listens: bool) -> None:
        lost = asyncio.Event()
        db.add_termination_listener(lambda *_: lost.set())
        self._listening = db
        self._subscribers.tell(tuple(Hint))
        while not lost.is_set():
            echo = await self._look(db, listens=listens)
            self._settled.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL if echo else DEAF):
                    await lost.wait()

    async def _look(self, db: Connection, *, listens: bool) -> bool:
        """Look at the position and at the time, and whether a notification comes back."""
        self._back.clear()
        asked = time.time_ns() // 1000
        async with asyncio.timeout(PATIENCE):
            ((position, told),) = await self._fetch(db, _LOOK, channel=self._schema, payload=self._me)
        if self._clock is not None:
            self._clock.learn(asked, told, time.time_ns() // 1000)
        if position != self._position:
            self._position = position
            self._subscribers.tell(tuple(Hint))
        if not listens:
            return False
        try:
            async with asyncio.timeout(DEAF):
                await self._back.wait()
        except TimeoutError:
            return False
        return True

    def _heard(self, _db: object, _pid: int, _channel: str, payload: str) -> None:
        sender, _, letters = payload.partition(":")
        if sender == self._me:
            self._back.set()
        elif letters:
            self._subscribers.tell([Hint.CHANGED, *(hint for hint, letter in _LETTERS.items() if letter in letters)])

    async def _fetch(self, db: Connection, what: Statement, **parameters: str) -> list[tuple[int, int]]:
        async with self._using:
            rows = await db.fetch(what.within(self._schema), *what.arguments(parameters))
        return [(row[0], row[1]) for row in rows]
