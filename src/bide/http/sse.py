"""Server-sent events: `id:` is where to go on from, `event:` the kind, `data:` one line of JSON.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import aclosing
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from bide.batch import split
from bide.errors import BideError
from bide.http.call import Call
from bide.http.reader import Reader
from bide.http.render import Frame

log = logging.getLogger("bide.http")

RETRY = 2_000
"""Milliseconds after which a browser connects anew."""

CHUNK = 64 * 1024
"""Bytes handed to the server at once, unless one event is larger: it takes the whole of what it is handed, and only
then holds up who sends."""

HEADERS = {
    "Cache-Control": "no-store",
    # A proxy that gathers the response would show nothing until its end.
    "X-Accel-Buffering": "no",
}


class EventStream(EventSourceResponse):
    """Sends what `open_stream(reader)` yields, until it ends, the reader leaves, or is to be sent no more."""

    def __init__(self, call: Call, open_stream: Callable[[Reader], AsyncGenerator[bytes]]) -> None:
        super().__init__((), headers=HEADERS)
        self._call = call
        self._open = open_stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reader = Reader(self._call, scope["path"])
        listening = asyncio.create_task(_listen(receive, reader))
        try:
            with self._call.held(reader.end):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await self._stream(reader, send)
                await reader.leave(send({"type": "http.response.body", "body": b"", "more_body": False}))
        finally:
            listening.cancel()

    async def _stream(self, reader: Reader, send: Send) -> None:
        with reader.streaming():
            try:
                async with aclosing(self._open(reader)) as chunks:
                    async for chunk in chunks:
                        await reader.take(send({"type": "http.response.body", "body": chunk, "more_body": True}))
                        if reader.ended:
                            return
            except BideError as error:
                # It has begun, so there is no status to tell it by: the reader comes again, and is told then.
                log.warning("a stream of %s is cut: %s", reader.path, error)


async def _listen(receive: Receive, reader: Reader) -> None:
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            reader.end()
            return


def opening() -> bytes:
    return format_sse_event(retry=RETRY)


def snapshot(data: bytes, position: int) -> bytes:
    return format_sse_event(event="snapshot", id=str(position), data_str=data.decode())


def events(frames: Iterable[Frame], *, reached: int | None = None) -> Generator[bytes]:
    """These events, in chunks; for none, what keeps the connection alive: `reached`, where to go on, or a comment."""
    messages = (b"event: %b\ndata: %b\nid: %d\n\n" % (kind.encode(), data, seq) for seq, kind, data in frames)
    empty = True
    for chunk in split(messages, len, CHUNK):
        empty = False
        yield b"".join(chunk)
    if empty:
        # An `id` alone is no event, but who comes again sends it.
        yield KEEPALIVE_COMMENT if reached is None else b"id: %d\n\n" % reached
