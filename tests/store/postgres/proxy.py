"""A way to the server that can be cut at the worst moments."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit


class Proxy:
    """Hands on what either side says. `url` is the database's, through here.

    `cut_before(text)`: the connection is lost when a client next says this, and the server never hears it.
    `cut_after(text)`: the server hears it, does it, and what it answers is lost with the connection.
    `cut_every(n)`: the same, with every nth thing that any client says.
    `swallow()`: of the connections that there are, nothing is handed on any more, either way; they stay open.
    `swallow_at(text)`: the same, of the connection by which a client next says this, and from that on.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._database = parts.path
        self._before: bytes | None = None
        self._after: bytes | None = None
        self._at: bytes | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._every = 0
        self._said = 0
        self._swallowed: set[asyncio.StreamWriter] = set()
        self.cuts = 0
        self.refusing = False
        self.swallowing = False
        """Whether of new connections nothing is handed on from the beginning."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut_all()
        for handler in tuple(self._handlers):
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None, "enter it first"
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}{self._database}?sslmode=disable"

    @property
    def hands_on(self) -> bool:
        """Whether there is a connection that works."""
        return bool(self._open - self._swallowed)

    @property
    def will_swallow(self) -> bool:
        """Whether nobody has yet said what `swallow_at` waits for."""
        return self._at is not None

    def cut_before(self, text: str) -> None:
        self._before = text.encode()

    def cut_after(self, text: str) -> None:
        self._after = text.encode()

    def cut_every(self, n: int) -> None:
        """0: no more."""
        self._every = n

    def swallow(self) -> None:
        self._swallowed |= self._open

    def swallow_at(self, text: str) -> None:
        self._at = text.encode()

    def cut_all(self) -> None:
        """Every connection that there is."""
        for writer in tuple(self._open):
            writer.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        if self.refusing:
            to_client.close()
            return
        server, to_server = await asyncio.open_unix_connection(self._socket)
        self._open |= {to_client, to_server}
        if self.swallowing:
            self._swallowed |= {to_client, to_server}
        answers = asyncio.create_task(self._hand_on(server, to_client))
        try:
            while said := await client.read(65_536):
                if self._before is not None and self._before in said:
                    self._before, self.cuts = None, self.cuts + 1
                    return
                if self._at is not None and self._at in said:
                    self._at = None
                    self._swallowed |= {to_client, to_server}
                if to_client in self._swallowed:
                    continue
                if self._is_last(said):
                    self.cuts += 1
                    answers.cancel()
                    await asyncio.wait([answers])
                    to_server.write(said)
                    await to_server.drain()
                    # What it answers comes once it has done it.
                    await server.read(65_536)
                    return
                to_server.write(said)
                await to_server.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            answers.cancel()
            for writer in (to_client, to_server):
                writer.close()
                self._open.discard(writer)
                with contextlib.suppress(ConnectionError, OSError):
                    await writer.wait_closed()

    def _is_last(self, said: bytes) -> bool:
        """Whether the connection is to be cut after this."""
        self._said += 1
        if self._after is not None and self._after in said:
            self._after = None
            return True
        return self._every > 0 and self._said % self._every == 0

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while said := await reader.read(65_536):
                if writer in self._swallowed:
                    continue
                writer.write(said)
                await writer.drain()
            writer.close()
