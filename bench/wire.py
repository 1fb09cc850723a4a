"""A client that costs little: request bytes made before, kept connections, and no more parsing than it takes to know
where an answer ends. It runs in another process than the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, cast

import orjson


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    sent = b"" if body is None else orjson.dumps(body)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if sent:
        lines += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + sent


class Connection(asyncio.Protocol):
    """One request at a time, over one connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, port: int) -> Connection:
        _, protocol = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return protocol

    async def send(self, sent: bytes) -> tuple[int, bytes, bytes]:
        """The status, the head and the body of the answer."""
        assert self._transport is not None
        if self._gone.done():
            raise ConnectionError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        return await self._answer

    async def json(self, sent: bytes) -> Any:
        status, _, body = await self.send(sent)
        assert 200 <= status < 300, f"{status}: {body[:300]!r}"
        return orjson.loads(body)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            await self._gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set_result(None)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server has closed the connection"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        end = buffer.find(b"\r\n\r\n")
        if end >= 0:
            start = end + 4
            head = buffer[:start]
            status = int(head[9:12])
            mark = head.lower().find(b"content-length:")
            length = 0 if mark < 0 or status == 304 else int(head[mark + 15 : head.index(b"\r\n", mark)])
            if len(buffer) >= start + length:
                self._buffer = buffer[start + length :]
                answer, self._answer = self._answer, None
                assert answer is not None, "an answer to nothing"
                answer.set_result((status, head, buffer[start : start + length]))
                return
        self._buffer = buffer


class Stream(asyncio.Protocol):
    """Reads one stream of events; `stalled`: after it has asked, it never reads."""

    def __init__(self, sent: bytes, told: Callable[[bytes], None] | None, *, stalled: bool) -> None:
        self._sent = sent
        self._told = told
        self._stalled = stalled
        self._transport: asyncio.Transport | None = None
        self.begun = asyncio.get_running_loop().create_future()
        self.gone = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(
        cls, port: int, path: str, told: Callable[[bytes], None] | None = None, *, stalled: bool = False
    ) -> Stream:
        """Open once its first bytes have come; a stalled one, once it has asked."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setblocking(False)
        if stalled:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        _, stream = await loop.create_connection(
            lambda: cls(request("GET", path, Accept="text/event-stream"), told, stalled=stalled), sock=sock
        )
        if not stalled:
            await stream.begun
        return stream

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            await self.gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._sent)
        if self._stalled:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set_result(None)
        if not self._stalled and not self.begun.done():
            self.begun.set_exception(ConnectionError("the server has closed the stream"))

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            assert data.startswith(b"HTTP/1.1 200"), data[:200]
            self.begun.set_result(None)
        if self._told is not None:
            self._told(data)


async def close(connections: Sequence[Connection | Stream]) -> None:
    await asyncio.gather(*(connection.close() for connection in connections))
