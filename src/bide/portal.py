"""An event loop in a thread: how synchronous code calls asynchronous code, so that nothing exists twice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from bide.thread import Waiting, calling

T = TypeVar("T")


def call_on(loop: asyncio.AbstractEventLoop, op: Coroutine[Any, Any, T]) -> T:
    """Run `op` on the event loop of another thread, and wait for it. Ctrl-C in the caller ends it there too.

    What it does on a connection that was lent by the caller, the caller's thread does meanwhile: see `where_lent`.
    """
    waiting = Waiting()
    with calling(waiting):
        future = asyncio.run_coroutine_threadsafe(op, loop)
    try:
        return waiting.wait(future)
    except BaseException:
        future.cancel()
        raise


class Portal:
    """Runs coroutines for callers of other threads, until closed. The thread does not keep the process alive."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="bide-portal", daemon=True)
        self._thread.start()

    def call(self, op: Coroutine[Any, Any, T]) -> T:
        return call_on(self.loop, op)

    def _serve(self) -> None:
        # A task that raises SystemExit ends the loop too. Its caller is told; all others would wait for ever.
        while not self._closed:
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                self.loop.run_forever()

    def close(self) -> None:
        self._closed = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
