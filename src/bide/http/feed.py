"""The events of all jobs of a principal, for streams across jobs: one reader for all of them, however many there are.

New events are read once and handed to those whose they are. A listener keeps a bounded number of them; where it falls
behind, it reads what it missed from the store, from where it was: nothing is lost, and a slow one holds up nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bide.errors import StoreError
from bide.http.limits import KEEP_ALIVE
from bide.http.render import Frame, frame
from bide.store.base import PAGE_BYTES, EventRow, Hint

if TYPE_CHECKING:
    from bide.app import Bide

log = logging.getLogger("bide.http")

BUFFER = 1_000
"""Events kept for one listener, unless they come to more than `PAGE_BYTES` before."""

PAGE = 200
"""Events that a listener which is behind reads at once, or as many as fit into `PAGE_BYTES`."""

AGAIN = 0.5
"""Seconds before the store is asked again after it failed."""


class Item(NamedTuple):
    """An event and where it stands among those of all jobs: `Last-Event-ID`."""

    position: int
    job: str
    frame: Frame


class Page(NamedTuple):
    """All that there is for a listener up to a position, from the page before on; that may be nothing."""

    items: Sequence[Item]
    position: int


class _Listener:
    """Who waits for the events of `owner`, or of everybody (None)."""

    def __init__(self, owner: str | None, wake: asyncio.Event) -> None:
        self.owner = owner
        self.wake = wake
        self.waiting: list[EventRow] = []
        self.size = 0
        self.behind = False

    def offer(self, row: EventRow, size: int) -> None:
        if self.waiting and (len(self.waiting) >= BUFFER or self.size + size > PAGE_BYTES):
            self.take()
            self.behind = True
        if not self.behind:
            self.waiting.append(row)
            self.size += size
        self.wake.set()

    def take(self) -> list[EventRow]:
        rows, self.waiting, self.size = self.waiting, [], 0
        return rows


class Feed:
    def __init__(self, app: Bide[Any]) -> None:
        self._app = app
        self._listeners: set[_Listener] = set()
        self._position = -1
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def position(self) -> int:
        """Behind the last event now."""
        return (await self._app.store.feed(-1, None)).position

    async def follow(
        self, owner: str | None, after: int, wake: asyncio.Event, ended: Callable[[], bool], *, full: bool
    ) -> AsyncGenerator[Page]:
        """Events above the position `after`, in order and without gap. From time to time an empty page: only others'
        events came, and who comes again need not read past them, or none."""
        listener = _Listener(owner, wake)
        # It knows nothing yet of what came since `after`.
        listener.behind = True
        await self._join(listener)
        try:
            while not ended():
                wake.clear()
                if listener.behind:
                    # From here on new events are kept; those that are read as well are left out by their position.
                    listener.behind = False
                    async for page, reached in self._missed(owner, after):
                        if reached > after:
                            after = reached
                            yield _page(page, after, full=full)
                        if ended():
                            return
                    continue
                rows = [row for row in listener.take() if row.pos > after]
                if rows:
                    after = rows[-1].pos
                    yield _page(rows, after, full=full)
                    continue
                try:
                    async with asyncio.timeout(KEEP_ALIVE):
                        await wake.wait()
                except TimeoutError:
                    if not listener.waiting and not listener.behind:
                        # What was read up to here held nothing for this one, or it has been taken.
                        after = max(after, self._position)
                    yield Page((), after)
        finally:
            self._leave(listener)

    async def _missed(self, owner: str | None, after: int) -> AsyncGenerator[tuple[Sequence[EventRow], int]]:
        """What the store holds above `after`, page by page, until there was nothing more."""
        while True:
            found = await self._app.store.feed(after, None if owner is None else {owner}, PAGE)
            yield [row for _, row in found.events], found.position
            if found.position <= after or (not found.events and found.position >= self._position):
                return
            after = found.position

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _join(self, listener: _Listener) -> None:
        if self._reading is None or self._reading.done():
            position = await self.position()
            # Another listener may have begun it meanwhile: its position must not be overtaken.
            if self._reading is None or self._reading.done():
                self._position = position
                self._reading = asyncio.create_task(self._read())
        self._listeners.add(listener)

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        self._news.set()

    async def _read(self) -> None:
        unsubscribe = self._app.store.subscribe(self._hint)
        try:
            self._news.set()
            while True:
                await self._news.wait()
                self._news.clear()
                if not self._listeners:
                    return
                try:
                    await self._catch_up()
                except StoreError as error:
                    log.warning("could not read new events, trying again: %s", error)
                    await asyncio.sleep(AGAIN)
                    self._news.set()
        finally:
            unsubscribe()

    def _hint(self, hint: Hint) -> None:
        if hint is Hint.CHANGED:
            self._news.set()

    async def _catch_up(self) -> None:
        while self._listeners:
            owners = {listener.owner for listener in self._listeners}
            everybody = None in owners
            found = await self._app.store.feed(
                self._position, None if everybody else {owner for owner in owners if owner is not None}
            )
            for listener in tuple(self._listeners):
                # One that came while this was being read: of its events some may be missing here.
                if listener.owner not in owners:
                    listener.behind = True
                    listener.wake.set()
            for owner, row in found.events:
                size = row.size
                for listener in self._listeners:
                    if listener.owner is None or listener.owner == owner:
                        listener.offer(row, size)
            if found.position <= self._position:
                return
            self._position = found.position


def _page(rows: Sequence[EventRow], position: int, *, full: bool) -> Page:
    return Page([Item(row.pos, row.job, frame(row, full=full)) for row in rows], position)
