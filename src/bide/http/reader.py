"""Who is sent a stream, whatever carries it: how long it is waited for, and that it counts until it has gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Generator
from contextlib import contextmanager, suppress

from bide.http.call import Call

log = logging.getLogger("bide.http")

STALLED = 60.0
"""Seconds for which a reader may take nothing, before it is sent no more."""

AT_THE_END = 0.1
"""Seconds that a reader has left to take what is on its way, when the stream ends."""


class Reader:
    """`wake` is set at each change of what it reads, and when `ended` turns true: it is to be sent no more."""

    def __init__(self, call: Call, path: str) -> None:
        self._call = call
        self.path = path
        self.wake = asyncio.Event()
        self.ended = False
        self.stalled = False
        self._sending: set[asyncio.Timeout] = set()

    def end(self) -> None:
        """Send what is on its way, and no more."""
        self.ended = True
        self.wake.set()
        soon = asyncio.get_running_loop().time() + AT_THE_END
        for sending in self._sending:
            if not sending.expired():
                sending.reschedule(soon)

    async def take(self, sending: Awaitable[None]) -> None:
        """Wait until the server has room for more, which is while the reader takes what it is sent. Raises TimeoutError
        where it does not for so long."""
        await self._within(AT_THE_END if self.ended else STALLED, sending)

    @contextmanager
    def streaming(self) -> Generator[None]:
        """Within, it is sent what happens, until `end` or until it stalls: then that is told, and no error."""
        try:
            with self._call.until_expired(self.end):
                yield
        except TimeoutError:
            self.stalled = True
            log.info("a reader of %s has taken nothing for a while, and is sent no more", self.path)

    async def leave(self, goodbye: Awaitable[None]) -> None:
        """Say that there is no more, once a reader has room for it that may have stalled.

        ASGI has no way to cut a connection, and a server that is told to close one first waits until all that was
        written has been taken. So who takes nothing is waited for here, where it still counts and its data has been
        let go of: until it takes the rest, its connection is lost, or the server ends.
        """
        with suppress(TimeoutError):
            await self._within(AT_THE_END if self._call.runtime.stopping else None, goodbye)

    async def _within(self, seconds: float | None, sending: Awaitable[None]) -> None:
        async with asyncio.timeout(seconds) as timeout:
            self._sending.add(timeout)
            try:
                await sending
            finally:
                self._sending.discard(timeout)
