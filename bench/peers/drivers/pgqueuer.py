"""pgqueuer keeps a log of what ended, and no results: its watcher tells of the end."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bench.peers.driver import Driver, main

asyncpg: Any = import_module("asyncpg")
pgqueuer: Any = import_module("pgqueuer")
db: Any = import_module("pgqueuer.db")
completion: Any = import_module("pgqueuer.core.completion")

CHUNK = 5_000


class Pgqueuer(Driver):
    async def set_up(self) -> None:
        connection = await asyncpg.connect(self.url)
        await pgqueuer.Queries(db.AsyncpgDriver(connection)).install()
        await connection.close()

    async def open(self) -> None:
        self.pool = await asyncpg.create_pool(self.url, min_size=10, max_size=10)
        self.queries = pgqueuer.Queries(db.AsyncpgPoolDriver(self.pool))
        self.connection = await asyncpg.connect(self.url)
        self.watcher: Any = None

    async def close(self) -> None:
        if self.watcher is not None:
            await self.watcher.__aexit__(None, None, None)
        await self.connection.close()
        await self.pool.close()

    async def enqueue(self, number: int) -> Any:
        (job,) = await self.queries.enqueue("noop", str(number).encode())
        return job

    async def enqueue_many(self, numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), CHUNK):
            payloads = [str(number).encode() for number in numbers[start : start + CHUNK]]
            await self.queries.enqueue(["noop"] * len(payloads), payloads, [0] * len(payloads))

    async def result(self, handle: Any) -> None:
        if self.watcher is None:
            driver = db.AsyncpgDriver(self.connection)
            watcher = completion.CompletionWatcher(driver, queries=pgqueuer.Queries(driver))
            self.watcher = await watcher.__aenter__()
        await self.watcher.wait_for(handle)

    async def work(self) -> None:
        connection = await asyncpg.connect(self.url)
        queue = pgqueuer.PgQueuer.from_asyncpg_connection(connection)

        async def noop(job: Any) -> None:
            self.marks.mark(int(job.payload))

        queue.entrypoint("noop")(noop)
        await queue.run(batch_size=self.options["batch"])


if __name__ == "__main__":
    main(Pgqueuer)
