"""Drain: how fast worker processes empty a queue of jobs that do nothing, and what they weigh then."""

from __future__ import annotations

import time
from functools import partial

from bench.marks import Marks, until
from bench.measure import Line, Metrics, Size, Target, Topic
from bench.postgres import bare, jobs
from bench.postgres.database import Database
from bench.postgres.jobs import FINISHED, App
from bench.postgres.worker import at_work

LOOK = 0.02
"""Seconds between two looks whether all have run."""


def bide(database: Database, count: int, processes: int) -> Metrics:
    """From before the workers register until the database holds every result: 200 slots each, history included."""
    return jobs.measure(partial(_bide, database=database, count=count, processes=processes), database, noops=count)


async def _bide(app: App, database: Database, count: int, processes: int) -> Metrics:
    marks = Marks.create(database.marks, count)
    with at_work("bide", database, processes) as children:
        began = time.perf_counter()
        for child in children:
            child.go()
        # To count them in the database is work: that begins when there is little left to come.
        await until(lambda: len(marks.marked(count)) == count, LOOK)
        await app.until(FINISHED, count)
        elapsed = time.perf_counter() - began
        resident = max(child.resident for child in children)
    await jobs.verify(app.url, completed=count, events=3)
    return {"rate": count / elapsed, "resident": resident}


def topic(size: Size) -> Topic[Database]:
    return Topic(
        title="Drain",
        how=f"{size.drain:,} no-op `async` jobs with results and history, enqueued before; worker processes with their"
        " defaults. The bare loop has the full row, and for each batch one statement that settles, claims and writes"
        f" the history, {bare.BATCH} jobs to a batch, each run as one `asyncio.Task`.",
        cases={
            "bare 1": partial(bare.drain, count=size.drain, processes=1),
            "bare 2": partial(bare.drain, count=size.drain, processes=2),
            "bide 1": partial(bide, count=size.drain, processes=1),
            "bide 2": partial(bide, count=size.drain, processes=2),
        },
        lines=[
            Line(
                "bare, one process",
                "bare 1",
                "rate",
                "/s",
                "The server's work: row, index entries, events.",
            ),
            Line("bare, two processes", "bare 2", "rate", "/s", "As above, on two cores.", base=("bare 1", "rate")),
            Line(
                "Bide, one worker",
                "bide 1",
                "rate",
                "/s",
                "The server: seven indexes, two row locks a job, and two statements a turn of at most 100 jobs.",
                base=("bare 1", "rate"),
                target=Target("≥", 0.7),
            ),
            Line(
                "Bide, two workers",
                "bide 2",
                "rate",
                "/s",
                "Two processes and their two connections share the cores.",
                base=("bide 1", "rate"),
                target=Target("≥", 1.25),
            ),
            Line("Bide, two workers, against two bare", "bide 2", "rate", "/s", "As above.", base=("bare 2", "rate")),
            Line("bare, memory of a process", "bare 1", "resident", "MB", "Python, asyncio and asyncpg."),
            Line(
                "Bide, memory of a worker after it",
                "bide 1",
                "resident",
                "MB",
                "Pydantic, and 200 jobs in hand.",
                base=("bare 1", "resident"),
            ),
        ],
    )
