"""Which thread calls what blocks.

A thread of its own for each call of `def` code: one that never returns uses up nothing that another waits for. What is
done on a connection of a caller's is done in the caller's thread, which waits for it anyway.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar, cast

T = TypeVar("T")

log = logging.getLogger("bide.thread")

STEP_THREADS = "bide-step"
"""How the names of the threads of `def` steps begin."""


async def in_thread(name: str, call: Callable[[], T]) -> T:
    """Call it in a thread of this name, in the caller's context. Cancelled, this returns, and the thread runs on."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[T, None] | tuple[None, BaseException]] = loop.create_future()
    context = contextvars.copy_context()

    def hand_over(came_to: tuple[T, None] | tuple[None, BaseException]) -> None:
        if not done.done():
            done.set_result(came_to)

    def body() -> None:
        came_to: tuple[T, None] | tuple[None, BaseException]
        try:
            came_to = context.run(call), None
        except BaseException as error:  # noqa: BLE001 - carried to who waits
            came_to = None, error
        try:
            loop.call_soon_threadsafe(hand_over, came_to)
        except RuntimeError:
            log.warning("%s ended after its worker's event loop was closed", name)

    threading.Thread(target=body, name=name, daemon=True).start()
    value, error = await done
    if error is not None:
        raise error
    return cast("T", value)


Place: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Where a call is made."""

_place: ContextVar[Place | None] = ContextVar("bide_place", default=None)


@contextmanager
def calling(place: Place | None) -> Generator[None]:
    """Within, and in the tasks that begin within, `where_lent` makes its calls there; None: where it is called."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


async def where_lent(call: Callable[[], T]) -> T:
    """Make a call that may block where a connection that was lent to this code is used: in the thread that waits for
    it, if there is one, else here."""
    place = _place.get()
    return call() if place is None else cast("T", await place(call))


class Waiting:
    """A thread that waits for what runs on an event loop elsewhere, and meanwhile makes the calls that come from there.

    A connection that is no event loop's belongs to such a thread: some drivers refuse it to any other.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._over = False

    def wait(self, done: concurrent.futures.Future[T]) -> T:
        done.add_done_callback(lambda _: self._calls.put(None))
        try:
            while (call := self._calls.get()) is not None:
                call()
        finally:
            with self._gate:
                self._over = True
            while not self._calls.empty():
                if (call := self._calls.get()) is not None:
                    call()
        return done.result()

    async def __call__(self, call: Callable[[], T]) -> T:
        """Make the call in that thread; here, where it waits no more."""
        made: concurrent.futures.Future[T] = concurrent.futures.Future()

        def make() -> None:
            try:
                made.set_result(call())
            except BaseException as error:  # noqa: BLE001 - carried to who asked for it
                made.set_exception(error)

        with self._gate:
            over = self._over
            if not over:
                self._calls.put(make)
        return call() if over else await asyncio.wrap_future(made)
