"""Bide itself, at its defaults: results and history are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bench.peers.driver import Driver, Task, main
from bide import Bide, Job, JobContext
from bide.store.postgres.migrations import run


class BideDriver(Driver):
    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.bide = Bide(self.url)
        self.noop = self.bide.job(self._noop)

    async def _noop(self, _ctx: JobContext[None], number: int) -> int:
        self.marks.mark(number)
        return number

    async def set_up(self) -> None:
        await run.up(self.url)

    async def open(self) -> None:
        await self.bide.__aenter__()

    async def close(self) -> None:
        await self.bide.__aexit__(None, None, None)

    async def enqueue(self, number: int) -> Job[int]:
        return await self.noop.enqueue(number)

    async def enqueue_many(self, numbers: Sequence[int]) -> None:
        await self.bide.enqueue_many(self.noop.call(number) for number in numbers)

    async def result(self, handle: Any) -> None:
        await self.bide.result(handle)

    async def work(self) -> None:
        async with self.bide.worker():
            await asyncio.Event().wait()


if __name__ == "__main__":
    main(BideDriver)
