"""Many waiting jobs: how to make them fast, what they take on disk, and how long a worker takes to start with them."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import uuid_utils

from bide import Bide, Confirm, EventKind, JobType
from bide.codec import codec_for, encode
from bide.job import JobStatus
from bide.store.base import Demand, NewPrompt, Settle, Store, Suspended, WorkerRow
from tests.capacity.process import make, worker_process
from tests.support import until

BATCH = 1_000


@dataclass(frozen=True)
class Figures:
    jobs: int
    seconds: float
    """It took to make them."""
    bytes_per_job: float
    by_table: dict[str, float]
    """Bytes per job of each table and index, where this SQLite can tell."""
    start: float
    """Seconds from the start of a worker's process until it had claimed its first job, with all of them waiting."""

    def table(self) -> str:
        rows = [
            ("waiting jobs", f"{self.jobs:,}"),
            ("made in", f"{self.seconds:.1f} s"),
            ("on disk, each", f"{self.bytes_per_job:,.0f} B"),
            *((f"  {name}", f"{size:,.0f} B") for name, size in self.by_table.items()),
            ("a worker starts in", f"{self.start:.2f} s"),
        ]
        return "\n".join(f"{name:<26} {value:>12}" for name, value in rows)


async def measure(database: Path, jobs: int) -> Figures:
    url = f"sqlite:///{database}"
    began = time.monotonic()
    app = make(url)
    async with app.bide as bide:
        await wait_for_people(bide, app.asking, jobs)
        seconds = time.monotonic() - began
        stats = await bide.stats()
        assert stats.by_status[JobStatus.PENDING_HITL] == stats.open_prompts == jobs
    # The last connection has gone, and moved the log into the database.
    size = database.stat().st_size
    by_table = await asyncio.to_thread(_by_table, database, jobs)
    return Figures(jobs, seconds, size / jobs, by_table, await time_a_start(url))


async def time_a_start(url: str) -> float:
    """Seconds from the start of a worker's process until it has claimed a job that is there for it."""
    app = make(url)
    async with app.bide as bide:
        job = await app.plain.enqueue()
        began = time.monotonic()
        with worker_process(url):
            await until(bide, job, EventKind.STARTED)
            start = time.monotonic() - began
            assert await bide.result(job, timeout="60s") == "done"
    return start


async def wait_for_people(bide: Bide[None], asking: JobType[[str], str], jobs: int) -> None:
    """Bring so many jobs to where they wait for an answer, as a worker would, through the verbs of the store."""
    worker = str(uuid4())
    store = bide.store
    await store.register(WorkerRow(id=worker, host="here", pid=1, queues=("default",), slots=BATCH, lease=1_000_000))
    for first in range(0, jobs, BATCH):
        count = min(BATCH, jobs - first)
        await store.insert([bide.accept(asking.call(f"subject {first + n}")) for n in range(count)])
        await _ask_all(store, worker, count)
    await store.retire(worker)


async def _ask_all(store: Store, worker: str, count: int) -> None:
    _, claims = await store.settle_and_claim(worker, (), [Demand(("default",), {"asking": 1}, count)])
    assert len(claims) == count
    opened = await asyncio.gather(*(store.ask(claim.id, claim.lease, _prompt(claim.input)) for claim in claims))
    ends = [
        Settle(claim.id, claim.lease, 1_000, Suspended((prompt.id,), None))
        for claim, prompt in zip(claims, opened, strict=True)
    ]
    await store.settle_and_claim(worker, ends, ())


def _prompt(topic: str) -> NewPrompt:
    prompt = Confirm(summary=f"Shall I publish what I wrote about {topic}?")
    codec = codec_for(prompt.answer_type)
    return NewPrompt(
        id=str(uuid_utils.uuid7()),
        key="publish",
        kind=prompt.kind,
        data=encode(prompt.data()),
        schema=encode(prompt.narrow(codec.schema())),
        timeout=365 * 86_400_000_000,
    )


def _by_table(database: Path, jobs: int) -> dict[str, float]:
    """Bytes per job of each table and index, the largest first."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        try:
            rows = db.execute("select name, sum(pgsize) from dbstat group by name order by 2 desc").fetchall()
        except sqlite3.OperationalError:
            return {}
    sizes: Counter[str] = Counter(dict(rows))
    return {name: size / jobs for name, size in sizes.most_common() if size / jobs >= 1}
