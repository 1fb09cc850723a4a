"""Polling reads: how often the state of a job can be asked for, by one caller and by many."""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.bare import from_callers
from bench.measure import Line, Metrics, Size, Topic
from bench.postgres import bare, jobs
from bench.postgres.database import Database
from bench.postgres.jobs import App
from bide import Job

CALLERS = 100


def bide(database: Database, count: int, callers: int) -> Metrics:
    """`callers` coroutines await `bide.get`, each of a job of its own that nothing changes."""
    return jobs.measure(partial(_bide, count=count, callers=callers), database)


async def _bide(app: App, count: int, callers: int) -> Metrics:
    waiting = await app.bide.enqueue_many(app.noop.call(n) for n in range(callers))

    async def get(n: int) -> None:
        job: Job[Any] = await app.bide.get(waiting[n % callers])
        assert job.id == waiting[n % callers].id

    return await from_callers(get, range(count), callers)


def topic(size: Size) -> Topic[Database]:
    return Topic(
        title="Polling reads",
        how=f"`bide.get`, as the endpoint of a job calls it, by one caller and by {CALLERS}, of jobs that nothing"
        " changes; bare, one caller selects the row by its id.",
        cases={
            "bare": partial(bare.read, count=size.enqueue // 2),
            "bide 1": partial(bide, count=size.enqueue // 2, callers=1),
            f"bide {CALLERS}": partial(bide, count=size.enqueue, callers=CALLERS),
        },
        lines=[
            Line("bare, one caller", "bare", "rate", "/s", "A round trip."),
            Line("bare, one caller: p50", "bare", "p50", "ms", "As above."),
            Line("Bide, one caller", "bide 1", "rate", "/s", "A look at what has changed.", base=("bare", "rate")),
            Line("Bide, one caller: p50", "bide 1", "p50", "ms", "As above.", base=("bare", "p50")),
            Line(
                f"Bide, {CALLERS} callers",
                f"bide {CALLERS}",
                "rate",
                "/s",
                "Python: what is not in the database any more, since callers share the look.",
                base=("bare", "rate"),
            ),
            Line(f"Bide, {CALLERS} callers: p50", f"bide {CALLERS}", "p50", "ms", "As above."),
        ],
    )
