"""Reading what streams send: many streams that want the same events of a job share one query."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bide.http.render import Frame, frame

if TYPE_CHECKING:
    from bide.app import Bide

LENGTH = 200
"""Events of a job read at once, or as many as fit into `PAGE_BYTES`: what a slow reader holds in memory at most."""


class Pages:
    def __init__(self, app: Bide[Any]) -> None:
        self._app = app
        self._reading: dict[tuple[str, str | None, int, bool], asyncio.Task[Sequence[Frame]]] = {}

    async def after(self, job: str, owner: str | None, after: int, *, full: bool) -> Sequence[Frame]:
        """The events of a job above `after`, encoded: a page of at most `LENGTH`."""
        key = (job, owner, after, full)
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(*key))
            reading.add_done_callback(self._forget(key))
        # One that leaves must not take the answer from the others.
        return await asyncio.shield(reading)

    async def _read(self, job: str, owner: str | None, after: int, full: bool) -> Sequence[Frame]:
        return [frame(row, full=full) for row in await self._app.store.history(job, owner, after, LENGTH)]

    def _forget(self, key: tuple[str, str | None, int, bool]) -> Callable[[asyncio.Task[Sequence[Frame]]], None]:
        def done(task: asyncio.Task[Sequence[Frame]]) -> None:
            self._reading.pop(key, None)
            if not task.cancelled():
                task.exception()  # each reader sees it; with no reader left nobody needs to

        return done
