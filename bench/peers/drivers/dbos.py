"""DBOS keeps workflows and their results; a queue is polled."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, Task, main

dbos: Any = import_module("dbos")

QUEUE = "bench"
VERSION = "1"


class Dbos(Driver):
    takes_many = False

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.address = self.url.replace("postgresql://", "postgresql+psycopg://", 1)

    async def _launch(self) -> None:
        marks = self.marks

        async def noop(number: int) -> int:
            marks.mark(number)
            return number

        dbos.DBOS(
            config={
                "name": "bench",
                "system_database_url": self.address,
                "log_level": "WARNING",
                "application_version": VERSION,
            }
        )
        dbos.DBOS.workflow(name="noop")(noop)
        dbos.DBOS.launch()
        await dbos.DBOS.register_queue_async(QUEUE, polling_interval_sec=self.options["poll"])

    async def set_up(self) -> None:
        await self._launch()
        dbos.DBOS.destroy()

    async def open(self) -> None:
        self.client = dbos.DBOSClient(system_database_url=self.address)

    async def close(self) -> None:
        self.client.destroy()

    async def enqueue(self, number: int) -> Any:
        options = {
            "queue_name": QUEUE,
            "workflow_name": "noop",
            "app_version": VERSION,
            "application_name": "bench",
        }
        return await self.client.enqueue_async(options, number)

    async def result(self, handle: Any) -> None:
        await handle.get_result()

    async def work(self) -> None:
        await self._launch()
        await asyncio.Event().wait()


if __name__ == "__main__":
    main(Dbos)
