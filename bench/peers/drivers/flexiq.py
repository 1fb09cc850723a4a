"""FlexiQ has an engine in Rust, and keeps results and what ended."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, Task, main

flexiq: Any = import_module("flexiq")

CHUNK = 5_000
POLL = 0.005
"""Seconds between its looks for jobs and for results: ten times as often as by default, and better for it."""


class Flexiq(Driver):
    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.queue = flexiq.Queue(
            backend="postgres",
            db_url=self.url,
            workers=self.options["slots"],
            scheduler_batch_size=self.options["slots"],
            scheduler_poll_interval_ms=round(POLL * 1_000),
            async_concurrency=self.options["slots"],
        )
        self.queue.task(name="noop")(self._noop)

    async def _noop(self, number: int) -> int:
        self.marks.mark(number)
        return number

    async def set_up(self) -> None:
        self.queue.close()

    async def open(self) -> None: ...

    async def close(self) -> None:
        self.queue.close()

    async def enqueue(self, number: int) -> Any:
        return await self.queue.aenqueue(task_name="noop", args=(number,))

    async def enqueue_many(self, numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), CHUNK):
            arguments = [(number,) for number in numbers[start : start + CHUNK]]
            await self.queue.aenqueue_many(task_name="noop", args_list=arguments)

    async def result(self, handle: Any) -> None:
        await handle.aresult(poll_interval=POLL)

    async def work(self) -> None:
        await self.queue.arun_worker()


if __name__ == "__main__":
    main(Flexiq)
