"""Drain: how fast worker processes empty a queue of jobs that do nothing, and what they weigh then."""

from __future__ import annotations

import time
from functools import partial

from bench.marks import Marks, until
from bench.measure import Line, Metrics, Size, Target, Topic
from bench.postgres import bare, jobs
from bench.postgres.database import Database
from bench.postgres.jobs import FINISHED, App
from bench.postgres.worker import SLOTS, at_work

LOOK = 0.02
"""Seconds between two looks whether all have run."""


MANY = 2 * bare.BATCH
"""Slots with which a worker has turns as large as the batches of the bare loop."""


def bide(database: Database, count: int, processes: int, slots: int) -> Metrics:
    """From before the workers register until the database holds every result, history included."""
    what = partial(_bide, database=database, count=count, processes=processes, slots=slots)
    return jobs.measure(what, database, noops=count)


async def _bide(app: App, database: Database, count: int, processes: int, slots: int) -> Metrics:
    marks = Marks.create(database.marks, count)
    with at_work("bide", database, processes, slots) as children:
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
        how=f"{size.drain:,} no-op `async` jobs with results and history, enqueued before. A worker settles and claims"
        f" half of its slots in one turn: {MANY:,} slots make turns as large as the batches of the bare loop. That has"
        f" the full row, and one statement settles, claims and writes the history of {bare.BATCH} jobs. Each job is run"
        " as one `asyncio.Task`.",
        cases={
            "bare 1": partial(bare.drain, count=size.drain, processes=1),
            "bare 2": partial(bare.drain, count=size.drain, processes=2),
            "bide default": partial(bide, count=size.drain, processes=1, slots=SLOTS),
            "bide 1": partial(bide, count=size.drain, processes=1, slots=MANY),
            "bide 2": partial(bide, count=size.drain, processes=2, slots=MANY),
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
                f"Bide, one worker of {SLOTS} slots, the default",
                "bide default",
                "rate",
                "/s",
                "The fixed costs of a turn, for 100 jobs.",
                base=("bare 1", "rate"),
            ),
            Line(
                f"Bide, one worker of {MANY:,} slots",
                "bide 1",
                "rate",
                "/s",
                "The server: the entries of seven indexes, and two row locks a job.",
                base=("bare 1", "rate"),
                target=Target("≥", 0.7),
            ),
            Line(
                f"Bide, two workers of {MANY:,} slots",
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
                "Pydantic, and the jobs in hand.",
                base=("bare 1", "resident"),
            ),
        ],
    )
