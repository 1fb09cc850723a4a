"""Oban keeps jobs, and no results: its end is the state of the job, asked for again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, main

oban: Any = import_module("oban")
schema: Any = import_module("oban.schema")
psycopg_pool: Any = import_module("psycopg_pool")

CHUNK = 1_000
POLL = 0.002


class Oban(Driver):
    async def set_up(self) -> None:
        async with self._pool() as pool:
            await schema.install(pool)

    async def open(self) -> None:
        self._define()
        self.pool = self._pool()
        await self.pool.open()
        self.oban = oban.Oban(pool=self.pool)

    async def close(self) -> None:
        await self.pool.close()

    async def enqueue(self, number: int) -> Any:
        return await self.oban.enqueue(self.noop.new({"number": number}))

    async def enqueue_many(self, numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), CHUNK):
            await self.oban.enqueue_many(
                *(self.noop.new({"number": number}) for number in numbers[start : start + CHUNK])
            )

    async def result(self, handle: Any) -> None:
        while True:
            if (await self.oban.get_job(handle.id)).state == "completed":
                return
            await asyncio.sleep(POLL)

    async def work(self) -> None:
        self._define()
        async with self._pool() as pool, oban.Oban(pool=pool, queues={"default": self.options["slots"]}):
            await asyncio.Event().wait()

    def _pool(self) -> Any:
        return psycopg_pool.AsyncConnectionPool(self.url, min_size=4, max_size=20, open=False)

    def _define(self) -> None:
        marks = self.marks

        class Noop:
            async def process(self, job: Any) -> None:
                marks.mark(job.args["number"])

        self.noop = oban.worker(queue="default")(Noop)


if __name__ == "__main__":
    main(Oban)
