"""A thread of its own for each call of `def` code: one that never returns uses up nothing that another waits for."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from typing import TypeVar, cast

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
