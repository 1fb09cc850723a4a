"""Procrastinate keeps jobs and their events, and no results: its end is the status, asked for again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, Task, main

procrastinate: Any = import_module("procrastinate")

CHUNK = 5_000
POLL = 0.002


class Procrastinate(Driver):
    def __init__(self, task: Task) -> None:
        super().__init__(task)
        connector = procrastinate.PsycopgConnector(conninfo=self.url, min_size=4, max_size=20)
        self.app = procrastinate.App(connector=connector)
        self.noop = self.app.task(name="noop")(self._noop)

    async def _noop(self, number: int) -> int:
        self.marks.mark(number)
        return number

    async def set_up(self) -> None:
        async with self.app.open_async():
            await self.app.schema_manager.apply_schema_async()

    async def open(self) -> None:
        await self.app.open_async()

    async def close(self) -> None:
        await self.app.close_async()

    async def enqueue(self, number: int) -> Any:
        return await self.noop.defer_async(number=number)

    async def enqueue_many(self, numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), CHUNK):
            await self.noop.batch_defer_async(*({"number": number} for number in numbers[start : start + CHUNK]))

    async def result(self, handle: Any) -> None:
        while True:
            if (await self.app.job_manager.get_job_status_async(handle)).value == "succeeded":
                return
            await asyncio.sleep(POLL)

    async def work(self) -> None:
        async with self.app.open_async():
            await self.app.run_worker_async(concurrency=self.options["slots"], delete_jobs="never", listen_notify=True)


if __name__ == "__main__":
    main(Procrastinate)
