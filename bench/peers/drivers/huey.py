"""Huey keeps results until they are read. It has no calls for `async` code: those here block, as they do elsewhere."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, Task, main

huey: Any = import_module("huey")


class Huey(Driver):
    takes_many = False

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        # `fsync` is Huey's word for synchronous=FULL.
        self.huey = huey.SqliteHuey("bench", filename=str(self.folder / "queue.db"), fsync=True)
        self.noop = self.huey.task(name="noop")(self._noop)

    def _noop(self, number: int) -> int:
        self.marks.mark(number)
        return number

    async def set_up(self) -> None:
        self.huey.storage.flush_all()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def enqueue(self, number: int) -> Any:
        return self.noop(number)

    async def result(self, handle: Any) -> None:
        handle.get(blocking=True, timeout=30, backoff=1.0, max_delay=0.005)

    async def work(self) -> None:
        self.huey.create_consumer(workers=self.options["slots"], worker_type="thread").run()


if __name__ == "__main__":
    main(Huey)
