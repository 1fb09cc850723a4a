"""A real server in this event loop: what is sent to it goes over TCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn


class Server(uvicorn.Server):
    """Without hands on the signals of the process, which are pytest's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def main_loop(self) -> None:
        """Ends at once when it is told to, not when it looks next: hundreds of tests wait for that."""
        await self.on_tick(0)
        await self.told.wait()


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncGenerator[str]:
    """Its address, while it runs."""
    # Named as TCP: else asyncio does not know it as such, and each answer waits for the acknowledgement of its head.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2_048)
        config = uvicorn.Config(app, log_level="warning", lifespan="on", **options)
        server = Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                if running.done():
                    await running
                    raise AssertionError("the server did not start")
                await asyncio.sleep(0.005)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.told.set()
            await running


@asynccontextmanager
async def client_of(app: Any, *, who: str | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    headers = {} if who is None else {"X-Who": who}
    async with serving(app) as address, httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        yield client
