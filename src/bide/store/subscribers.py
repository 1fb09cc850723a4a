"""Who listens for the commits of a store, on whatever event loops of the process."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from typing import TypeVar

from bide.store.base import Hint

T = TypeVar("T")

log = logging.getLogger("bide.store")


def soon(loop: asyncio.AbstractEventLoop, call: Callable[[T], object], argument: T) -> None:
    """Have `loop` call it next, from whatever thread. Raises RuntimeError where the loop is closed."""
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        loop.call_soon(call, argument)
    else:
        # Costs two system calls, and a turn of the loop that is woken.
        loop.call_soon_threadsafe(call, argument)


class _Listeners:
    """Who listens on one event loop. Hints gather until the loop gets to them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.wakes: list[Callable[[Hint], None]] = []
        self.pending: set[Hint] = set()


class Subscribers:
    """May be used from any thread. `joined` and `left` are told of the loops that come and go, under its lock."""

    def __init__(
        self,
        joined: Callable[[asyncio.AbstractEventLoop], None] = lambda _: None,
        left: Callable[[asyncio.AbstractEventLoop], None] = lambda _: None,
    ) -> None:
        self._joined = joined
        self._left = left
        self._lock = threading.Lock()
        self._by_loop: dict[asyncio.AbstractEventLoop, _Listeners] = {}

    @property
    def any(self) -> bool:
        """Whether anybody in this process listens."""
        return bool(self._by_loop)

    def add(self, wake: Callable[[Hint], None]) -> Callable[[], None]:
        """Tell `wake` on the caller's event loop from now on; returns the way to stop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            listeners = self._by_loop.get(loop)
            if listeners is None:
                listeners = self._by_loop[loop] = _Listeners(loop)
                self._joined(loop)
            listeners.wakes.append(wake)

        def stop() -> None:
            with self._lock:
                if wake in listeners.wakes:
                    listeners.wakes.remove(wake)
                if listeners.wakes or self._by_loop.get(loop) is not listeners:
                    return
                del self._by_loop[loop]
                self._left(loop)

        return stop

    def tell(self, hints: Collection[Hint]) -> None:
        with self._lock:
            for loop, listeners in list(self._by_loop.items()):
                idle = not listeners.pending
                listeners.pending.update(hints)
                if idle:
                    try:
                        soon(loop, self._deliver, listeners)
                    except RuntimeError:  # closed, and nobody said so
                        del self._by_loop[loop]

    def clear(self) -> None:
        """Tell nobody any more."""
        with self._lock:
            for loop in self._by_loop:
                self._left(loop)
            self._by_loop.clear()

    def _deliver(self, listeners: _Listeners) -> None:
        with self._lock:
            hints, listeners.pending = listeners.pending, set()
            wakes = tuple(listeners.wakes)
        for hint in Hint:
            if hint in hints:
                for wake in wakes:
                    try:
                        wake(hint)
                    except Exception:
                        log.exception("a subscriber failed")
