"""awa has an engine in Rust, and keeps no results: its end is the state of the job, asked for again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, Task, main

awa: Any = import_module("awa")

QUEUE = "bench"
POLL = 0.002


@dataclass
class Noop:
    number: int


class Awa(Driver):
    def __init__(self, task: Task) -> None:
        super().__init__(task)
        # It takes no address without a host, and the path of the socket for the host all the same.
        self.url = self.url.replace("@/", "@localhost/", 1)

    async def set_up(self) -> None:
        client = awa.AsyncClient(self.url)
        await client.migrate()
        await client.install_queue_storage()
        await client.close()

    async def open(self) -> None:
        self.client = awa.AsyncClient(self.url)

    async def close(self) -> None:
        await self.client.close()

    async def enqueue(self, number: int) -> Any:
        return await self.client.insert(Noop(number), queue=QUEUE)

    async def enqueue_many(self, numbers: Sequence[int]) -> None:
        await self.client.enqueue_many_copy([Noop(number) for number in numbers], queue=QUEUE)

    async def result(self, handle: Any) -> None:
        while True:
            if "ompleted" in str((await self.client.get_job(handle.id)).state):
                return
            await asyncio.sleep(POLL)

    async def work(self) -> None:
        client = awa.AsyncClient(self.url)

        async def noop(job: Any) -> None:
            self.marks.mark(job.args.number)

        client.task(Noop, queue=QUEUE)(noop)
        await client.start([(QUEUE, self.options["slots"])])
        await asyncio.Event().wait()


if __name__ == "__main__":
    main(Awa)
