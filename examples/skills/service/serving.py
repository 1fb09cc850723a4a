"""uvicorn, and how it is told to stop."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from examples.skills.service.streams import Streams


class Server(uvicorn.Server):
    """Ends the streams before it waits for the connections to close: a single open one would hold it for ever."""

    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        await super().shutdown(sockets)


def serve(app: FastAPI, host: str, port: int) -> int:
    """Serve until told to stop by SIGTERM or SIGINT. The exit code."""
    streams: Streams = app.state.streams
    server = Server(uvicorn.Config(app, host=host, port=port, lifespan="on"), streams.stop)
    server.run()
    return 0 if server.started else 3
