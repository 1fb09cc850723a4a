"""Server-sent events: `id:` is where to go on from, `event:` the kind, `data:` one line of JSON.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from bide.errors import BideError
from bide.http.limits import STALLED
from bide.http.render import Frame

log = logging.getLogger("bide.http")

RETRY = 2_000
"""Milliseconds after which a browser connects anew."""

AT_THE_END = 0.1
"""Seconds that a reader has left to take what is on its way, when the stream ends."""

HEADERS = {
    "Cache-Control": "no-store",
    # A proxy that gathers the response would show nothing until its end.
    "X-Accel-Buffering": "no",
}


class EventStream(EventSourceResponse):
    """Sends what `open_stream(stream)` yields, until it ends, the reader leaves, or `end` is called."""

    def __init__(self, open_stream: Callable[[EventStream], AsyncGenerator[bytes]]) -> None:
        super().__init__((), headers=HEADERS)
        self._open = open_stream
        self._sending: asyncio.Timeout | None = None
        self.wake = asyncio.Event()
        self.ended = False

    def end(self) -> None:
        """Send what is on its way, and no more."""
        self.ended = True
        self.wake.set()
        if self._sending is not None and not self._sending.expired():
            self._sending.reschedule(asyncio.get_running_loop().time() + AT_THE_END)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        listening = asyncio.create_task(self._listen(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                async with aclosing(self._open(self)) as chunks:
                    async for chunk in chunks:
                        await self._send(send, chunk)
                        if self.ended:
                            break
            except BideError as error:
                # It has begun, so there is no status to tell it by: the reader comes again, and is told then.
                log.warning("a stream of %s is cut: %s", scope.get("path"), error)
            await self._send(send, b"", last=True)
        except TimeoutError:
            log.info("a reader of %s has taken nothing for a while: dropped", scope.get("path"))
        finally:
            listening.cancel()

    async def _send(self, send: Send, chunk: bytes, *, last: bool = False) -> None:
        try:
            async with asyncio.timeout(AT_THE_END if self.ended else STALLED) as self._sending:
                await send({"type": "http.response.body", "body": chunk, "more_body": not last})
        finally:
            self._sending = None

    async def _listen(self, receive: Receive) -> None:
        while True:
            message: Any = await receive()
            if message["type"] == "http.disconnect":
                self.end()
                return


def opening() -> bytes:
    return format_sse_event(retry=RETRY)


def snapshot(data: bytes, position: int) -> bytes:
    return format_sse_event(event="snapshot", id=str(position), data_str=data.decode())


def events(frames: Sequence[Frame]) -> bytes:
    """These events; for none, a comment that keeps the connection alive."""
    if not frames:
        return KEEPALIVE_COMMENT
    return b"".join(b"event: %b\ndata: %b\nid: %d\n\n" % (kind.encode(), data, seq) for seq, kind, data in frames)
