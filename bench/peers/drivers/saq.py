"""SAQ keeps results for a while, and tells of them by notifications."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, main

saq: Any = import_module("saq")


class Saq(Driver):
    takes_many = False

    def _queue(self) -> Any:
        return saq.Queue.from_url(self.url, name="bench", min_size=4, max_size=20)

    async def set_up(self) -> None:
        await self.open()
        await self.close()

    async def open(self) -> None:
        self.queue = self._queue()
        await self.queue.connect()

    async def close(self) -> None:
        await self.queue.disconnect()

    async def enqueue(self, number: int) -> Any:
        return await self.queue.enqueue("noop", number=number)

    async def result(self, handle: Any) -> None:
        await handle.refresh(until_complete=30)
        assert handle.result is not None

    async def work(self) -> None:
        async def noop(_context: Any, *, number: int) -> int:
            self.marks.mark(number)
            return number

        worker = saq.Worker(self._queue(), functions=[("noop", noop)], concurrency=self.options["slots"])
        await worker.queue.connect()
        await worker.start()


if __name__ == "__main__":
    main(Saq)
