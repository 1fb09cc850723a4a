"""`bide serve` and `bide quickstart`: the HTTP API of an app, and its worker, until a signal ends them."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from bide.app import Bide
from bide.cli.listening import listening
from bide.cli.work import SIGNALS, freeze, leave
from bide.version import VERSION

log = logging.getLogger("bide.cli")


def run_server(
    app: Bide[Any],
    *,
    name: str,
    host: str,
    port: int,
    worker: bool,
    authorize: Callable[..., Any] | None,
    root_path: str,
) -> None:
    """Serve the API alone, as `run_api` does."""
    api = FastAPI(title="Bide", summary=name, version=VERSION)
    api.include_router(app.router(authorize=authorize, worker=worker))
    run_api(app, api, host=host, port=port, root_path=root_path)


def run_api(app: Bide[Any], api: FastAPI, *, host: str, port: int, root_path: str = "") -> None:
    """Serve `api`, which includes the router of `app`, until SIGTERM or SIGINT.

    Ends the process with 128 + signal where a second one cut the drain off. Raises InvalidOption where it cannot listen
    there; nothing has begun by then.
    """
    config = uvicorn.Config(
        api,
        root_path=root_path,
        lifespan="on",
        # Logging is set up already. Paths are not logged: a page's may hold a token.
        log_config=None,
        access_log=False,
        # Streams end at the signal. A client that does not take their end must not keep the process.
        timeout_graceful_shutdown=math.ceil(app.settings.drain + 1),
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # What else the first request would wait for, and all others and the jobs with it: its routes, and at /docs the
    # document, are made at first use.
    api.openapi()
    config.load()
    freeze()
    with listening(host, port) as sockets, asyncio.Runner() as runner:
        address = f"http://{f'[{host}]' if ':' in host else host}:{sockets[0].getsockname()[1]}"
        leave(runner.run(_serve(app, _Server(config, runner.get_loop(), address), sockets)))


def _is_news(record: logging.LogRecord) -> bool:
    """That requests were cut off at the end is told in one line; not for each of them with a traceback, as a defect."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class _Server(uvicorn.Server):
    """Uvicorn's, which a second signal of either kind ends at once, and which keeps them to itself."""

    def __init__(self, config: uvicorn.Config, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(config)
        self._loop = loop
        self._address = address
        self.told: list[int] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            log.info("running on %s", self._address)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signal.signal calls it
        # A signal comes between any two instructions, the next one within this: so count now, and tell later.
        self.told.append(sig)
        self.should_exit = True
        self.force_exit = len(self.told) > 1
        with suppress(RuntimeError):  # the loop has ended: nothing is left to stop
            self._loop.call_soon_threadsafe(self._tell, signal.Signals(sig).name, len(self.told))

    def _tell(self, name: str, nth: int) -> None:
        if nth == 1:
            log.info("%s: finishing what runs; a second signal stops at once", name)
        else:
            log.warning("%s again: stopping at once; what runs is given back, no attempt is spent", name)


async def _serve(app: Bide[Any], server: _Server, sockets: list[socket.socket]) -> int | None:
    """Serve until told to stop; returns the signal that cut the drain off, if one did."""
    for number in SIGNALS:
        # Before it starts, and after it has ended.
        signal.signal(number, server.handle_exit)
    # What cannot be opened is told here as everywhere, and not from within the server.
    async with app:
        try:
            await server.serve(sockets)
        except SystemExit:
            # The app has not started; it has told.
            raise SystemExit(1) from None
        if server.started and server.force_exit:
            # It has cut its connections and left the rest to whoever ends it: jobs are to be given back.
            await server.lifespan.shutdown()
    if not server.started and not server.told:
        raise SystemExit(1)
    return server.told[1] if server.force_exit else None
