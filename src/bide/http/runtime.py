"""What one app's routes share while the server runs: the worker, the open streams, and how it all stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bide.http.feed import Feed
from bide.http.limits import Limits, Meter
from bide.http.pages import Pages
from bide.http.render import Bodies
from bide.http.shutdown import told_to_stop

if TYPE_CHECKING:
    from bide.app import Bide
    from bide.worker import Worker

log = logging.getLogger("bide.http")


class Runtime:
    """Belongs to one `Bide`, however often its router is included."""

    def __init__(self, app: Bide[Any]) -> None:
        self.app = app
        self.pages = Pages(app)
        self.bodies = Bodies()
        self.feed = Feed(app)
        self.gate = self.make_gate(Limits(), route_name="")
        """Of the router that was made last: where the host's own endpoints send who asks for a job."""
        self.stopping = False
        self.unowned: set[str] = set()
        """Job types of which it was told that nobody owns their jobs."""
        self._open: set[Callable[[], None]] = set()
        self._entered = 0
        self._serving: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._worker: Worker | None = None
        self._failed = False

    def make_gate(self, limits: Limits, *, route_name: str) -> Gate:
        """For one more router."""
        self.gate = Gate(self, limits, Meter(limits), route_name)
        return self.gate

    @classmethod
    def of(cls, app: Bide[Any]) -> Runtime:
        if app.serving is None:
            app.serving = cls(app)
        runtime = app.serving
        assert isinstance(runtime, cls), "nobody else keeps anything there"
        return runtime

    # ── Life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def lifespan(self, *, worker: bool) -> AsyncGenerator[None]:
        """Open the app, and execute its jobs if `worker`; entered more than once, it begins once."""
        self._entered += 1
        try:
            if self._entered == 1:
                await self._start(worker=worker)
            yield
        finally:
            self._entered -= 1
            if self._entered == 0:
                await self._end()

    async def _start(self, *, worker: bool) -> None:
        self.stopping = self._failed = False
        self._leave = asyncio.Event()
        begun = asyncio.Event()
        self._serving = asyncio.create_task(self._serve(begun, worker=worker))
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait([self._serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not begun.is_set():
            # It failed before it began: the server must not start.
            await self._serving

    async def _serve(self, begun: asyncio.Event, *, worker: bool) -> None:
        async with self.app:
            with told_to_stop(self.stop):
                if worker:
                    await self._work(begun)
                begun.set()
                await self._leave.wait()

    async def _work(self, begun: asyncio.Event) -> None:
        try:
            async with self.app.worker() as self._worker:
                begun.set()
                await self._leave.wait()
        except Exception as error:
            if not begun.is_set():
                raise
            # Jobs are still accepted, and answered: another process may execute them.
            self._failed = True
            log.error("this process executes no jobs until it is started again, as its worker has failed: %s", error)  # noqa: TRY400 - the worker has told where
        finally:
            self._worker = None

    async def _end(self) -> None:
        if not self.stopping:
            self.stop()
        self._leave.set()
        if self._serving is not None:
            await asyncio.wait([self._serving])
            serving, self._serving = self._serving, None
            if not serving.cancelled() and (error := serving.exception()) is not None:
                raise error

    def stop(self) -> None:
        """Stop claiming, end every stream, and count as unready: the server is about to end. Again: drain no longer."""
        self.stopping = True
        if self._worker is not None:
            self._worker.stop()
        for end in tuple(self._open):
            end()
        # What the host's own endpoints follow.
        self.app.end_streams()

    @property
    def ready(self) -> bool:
        """Whether requests are welcome: open, not about to end, and the worker, if there is one, at work."""
        return self._entered > 0 and not self.stopping and not self._failed

    # ── Streams ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def held(self, end: Callable[[], None]) -> Generator[None]:
        """Something stays open; `end` is called when everything is to end."""
        self._open.add(end)
        try:
            if self.stopping:
                end()
            yield
        finally:
            self._open.discard(end)


@dataclass(frozen=True, slots=True)
class Gate:
    """One of the routers of an app: its limits and what it has counted, and the name of its route to a job."""

    runtime: Runtime
    limits: Limits
    meter: Meter
    route_name: str
