"""A store whose worker dies at a chosen write: the process lives, but to this worker nothing answers any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from bide.store.base import Joined, Store

WRITES = frozenset({"settle_and_claim", "record", "ask", "note", "commit"})
"""The verbs of a worker that change what a job will replay; `commit` is that of a step's own transaction."""

PLAIN = frozenset({"now", "subscribe", "gone", "mark"})
"""The verbs that are no coroutines: they cannot be left without an answer."""


class CrashPoint(NamedTuple):
    """The `n`th write (1-based): before it happens, or after its commit but before its reply."""

    n: int
    after: bool


class CrashingStore:
    """Stands between one worker and a store. Without a crash point it only counts the worker's writes."""

    def __init__(self, store: Store, point: CrashPoint | None = None) -> None:
        self._store = store
        self._point = point
        self._begun: set[asyncio.Task[Any]] = set()
        self.writes = 0
        self.crashed = asyncio.Event()
        self.crashed_in = ""

    def join(self, on: object) -> Any:
        return _CrashingJoined(self, self._store.join(on))

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._store, verb)
        if self.crashed.is_set() and verb not in PLAIN:
            return _signed_off if verb == "retire" else _no_answer
        return self.counted(verb, partial(self.finished, found)) if verb in WRITES else found

    async def at_rest(self) -> None:
        """Wait until nothing is in flight that may be committed though its worker is gone."""
        if self._begun:
            await asyncio.wait(self._begun)

    async def finished(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call it to its end, though nobody may wait for it any more: it was sent before its process was gone."""
        begun = asyncio.create_task(call(*args, **options))
        self._begun.add(begun)
        begun.add_done_callback(self._begun.discard)
        return await asyncio.shield(begun)

    def counted(
        self, verb: str, call: Callable[..., Any], gone: Callable[[], Awaitable[Any]] | None = None
    ) -> Callable[..., Any]:
        """The same call, as a write that may be where the worker dies; `gone` is what comes of it then."""

        async def write(*args: Any, **options: Any) -> Any:
            if verb == "settle_and_claim" and not args[1] and not await self._anything_ready():
                return await call(*args, **options)
            self.writes += 1
            if self._point is None or self.writes != self._point.n:
                return await call(*args, **options)
            if self._point.after:
                await call(*args, **options)
            self.crashed_in = verb
            self.crashed.set()
            return await (gone or _no_answer)()

        return write

    async def _anything_ready(self) -> bool:
        return (await self._store.stats(None)).ready > 0


class _CrashingJoined:
    """The transaction of a step of that worker. It ends with its process: what was not committed is taken back."""

    def __init__(self, store: CrashingStore, joined: Joined) -> None:
        self._store = store
        self._joined = joined

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._joined, verb)
        to_its_end = partial(self._store.finished, found)
        if verb == "rollback":
            return to_its_end
        if self._store.crashed.is_set():
            return self._gone
        return self._store.counted(verb, to_its_end, self._gone) if verb == "commit" else found

    async def _gone(self, *_: Any) -> None:
        await self._store.finished(self._joined.rollback)
        raise asyncio.CancelledError


async def _no_answer(*_: Any, **__: Any) -> Any:
    await asyncio.get_running_loop().create_future()


async def _signed_off(*_: Any) -> None:
    """A dead worker does not sign off, but its task must be able to end."""
