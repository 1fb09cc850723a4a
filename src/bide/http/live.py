"""What happens, pushed as it happens: a stream per job, one for all jobs, and a WebSocket with the same events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Header, Query, WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from bide.errors import BideError, NotFound
from bide.http import problems, render, sse
from bide.http.call import Call, ThisCall
from bide.http.feed import Item
from bide.http.following import follow
from bide.http.jobs import UNFINISHED
from bide.http.reader import Reader
from bide.http.render import Frame
from bide.http.sse import EventStream
from bide.store.base import JobFilter

SNAPSHOT = 200
"""Unfinished jobs that a stream of all jobs begins with, the newest."""

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=40, description="Go on behind this event, as browsers do.")
]
After = Annotated[int | None, Query(ge=0, le=2**53, description="As `Last-Event-ID`, which wins.")]


# ── Server-sent events ───────────────────────────────────────────────────────────────────────────────────────────────


async def stream_job(call: ThisCall, job_id: UUID, after: After = None, last_event_id: LastEventId = None) -> Response:
    """The events of one job, until it has finished; then 204.

    Without a position it begins with `snapshot`, the job as it is, and goes on from there. `id:` is the event's number.
    """
    row = await call.row(job_id)
    cursor = _cursor(last_event_id, after)
    if cursor is not None and cursor > row.seq:
        cursor = None  # it is of another database, and would hide all that happens from now on
    if cursor is not None and row.status.terminal and cursor >= row.seq:
        return Response(status_code=204)
    call.find_room()

    async def chunks(reader: Reader) -> AsyncGenerator[bytes]:
        with call.app.watch(call.id(job_id)) as reader.wake:
            yield sse.opening()
            start = cursor
            if start is None:
                now = await call.row(job_id)
                yield sse.snapshot(render.job(now, full=call.full), now.seq)
                start = now.seq
            async with aclosing(follow(call, job_id, start, reader.wake, lambda: reader.ended)) as pages:
                async for page in pages:
                    for chunk in sse.events(page):
                        yield chunk

    return EventStream(call, chunks)


async def stream_jobs(call: ThisCall, after: After = None, last_event_id: LastEventId = None) -> Response:
    """The events of all jobs that may be seen, in the order in which they were written. It does not end by itself.

    Without a position it begins with `snapshot`: the unfinished jobs, the newest 200, and whether there may be `more`.
    `id:` is a position among the events of all jobs; it may come without an event, where only others' have happened.
    """
    cursor = _cursor(last_event_id, after)
    call.find_room()

    async def chunks(reader: Reader) -> AsyncGenerator[bytes]:
        yield sse.opening()
        now = await call.runtime.feed.position()
        # A position beyond the end is of another database: it would hide all that happens from now on.
        start = now if cursor is None or cursor > now else cursor
        seen: dict[str, int] = {}
        if start != cursor:
            jobs, seen = await _unfinished(call)
            yield sse.snapshot(render.dumps({"jobs": jobs, "more": len(jobs) == SNAPSHOT}), start)
        feed = call.runtime.feed.follow(call.owner, start, reader.wake, lambda: reader.ended, full=call.full)
        async with aclosing(feed) as pages:
            async for page in pages:
                for chunk in sse.events(_unseen(page.items, seen), reached=page.position):
                    yield chunk

    return EventStream(call, chunks)


async def _unfinished(call: Call) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The jobs a page begins with, and the numbers of their last events: what comes again of those is left out."""
    rows = await call.app.store.list(JobFilter(statuses=UNFINISHED, limit=SNAPSHOT), call.owner)
    return [render.summary(row, full=call.full) for row in rows], {row.id: row.seq for row in rows}


def _unseen(page: Sequence[Item], seen: dict[str, int]) -> Iterator[Frame]:
    for item in page:
        if item.frame.seq > seen.get(item.job, 0):
            yield item.frame._replace(seq=item.position)


def _cursor(header: str | None, after: int | None) -> int | None:
    if not header:
        return after
    if not header.isdecimal() or len(header) > 16:
        raise problems.InvalidParameter(
            "header", "Last-Event-ID", "Last-Event-ID: expected the `id` of an event of this stream."
        )
    return int(header)


# ── WebSocket ────────────────────────────────────────────────────────────────────────────────────────────────────────

CLOSE_END = 1000
CLOSE_AWAY = 1001
CLOSE_UNSUPPORTED = 1003


async def socket_job(call: ThisCall, socket: WebSocket, job_id: str, after: After = None) -> None:
    """The events of one job, each as `{"type": "event", "event": {…}}`, after `{"type": "snapshot", "job": {…}}`.

    The client may send `{"type": "ping"}`, and is sent `{"type": "pong"}`. It closes with 1000 after the last event,
    and with 4404 for no such job.
    """
    await socket.accept()
    try:
        job = _uuid(job_id)
        row = await call.row(job)
        call.find_room()
        if after is not None and after > row.seq:
            after = None  # as for a stream
        await _Socket(call, socket, job).run(row.seq if after is None else after, snapshot=after is None)
    except BideError as error:
        with suppress(WebSocketDisconnect):
            await socket.send_text(orjson.dumps({"type": "problem", "problem": problems.describe(error)}).decode())
            await socket.close(4_000 + problems.status_of(error), error.code)
    except WebSocketDisconnect:
        pass


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("No such job.") from None


class _Socket:
    def __init__(self, call: Call, socket: WebSocket, job: UUID) -> None:
        self._call = call
        self._socket = socket
        self._job = job
        self._reader = Reader(call, socket.url.path)
        self._gone = self._unsupported = False
        self._sending = asyncio.Lock()

    async def run(self, after: int, *, snapshot: bool) -> None:
        reader = self._reader
        listening = asyncio.create_task(self._listen())
        try:
            with self._call.held(reader.end):
                await self._stream(after, snapshot=snapshot)
                listening.cancel()
                if not self._gone:
                    await reader.leave(self._socket.close(*self._why()))
        finally:
            listening.cancel()

    async def _stream(self, after: int, *, snapshot: bool) -> None:
        call, reader = self._call, self._reader
        with call.app.watch(call.id(self._job)) as reader.wake, reader.streaming():
            if snapshot:
                row = await call.row(self._job)
                after = row.seq
                await self._send(b'{"type":"snapshot","job":%b}' % render.job(row, full=call.full))
            async with aclosing(follow(call, self._job, after, reader.wake, lambda: reader.ended)) as pages:
                async for page in pages:
                    for frame in page:
                        await self._send(b'{"type":"event","event":%b}' % frame.data)

    def _why(self) -> tuple[int, str | None]:
        if self._unsupported:
            return CLOSE_UNSUPPORTED, "text only"
        if self._reader.stalled:
            return CLOSE_AWAY, "too slow"
        return CLOSE_AWAY if self._call.runtime.stopping else CLOSE_END, None

    async def _send(self, message: bytes) -> None:
        async with self._sending:
            await self._reader.take(self._socket.send_text(message.decode()))

    async def _listen(self) -> None:
        """Answer pings, and notice when the other side leaves."""
        try:
            while True:
                text = await self._socket.receive_text()
                if len(text) < 200 and '"ping"' in text:
                    await self._send(b'{"type":"pong"}')
        except TimeoutError:
            self._reader.stalled = True
        except KeyError:
            self._unsupported = True
        except WebSocketDisconnect:
            self._gone = True
        self._reader.end()
