"""Drain: how fast one worker empties a queue of jobs that do nothing."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from bench import bare, jobs
from bench.jobs import SLOTS, App, recorder
from bench.measure import Line, Metrics, Size, Target, Topic

MANY = 2 * bare.BATCH
"""Slots with which a worker has turns as large as the batches of the bare loops."""


def bide(folder: Path, count: int, slots: int) -> Metrics:
    """From before the worker registers until the file holds every result, history included."""
    return jobs.measure(partial(_bide, count=count), folder, slots=slots, noop=count)


async def _bide(app: App, count: int) -> Metrics:
    recorder.expect(count)
    began = time.perf_counter()
    async with app.bide.worker():
        await recorder.reached.wait()
        await app.finished(count)
        elapsed = time.perf_counter() - began
    app.verify(completed=count, events=3)
    return {"rate": count / elapsed}


def topic(size: Size) -> Topic[Path]:
    return Topic(
        title="Drain",
        how=f"{size.drain:,} no-op `async` jobs with results and history, enqueued before; one worker, alone in a"
        f" process of its own, as the bare loops are. Those settle {bare.BATCH} jobs and claim {bare.BATCH} in one"
        " transaction, and run each as one `asyncio.Task`. A worker settles and claims half of its slots in one turn:"
        f" {MANY} slots make turns as large.",
        cases={
            "narrow": partial(bare.drain_narrow, count=size.drain),
            "full": partial(bare.drain_full, count=size.drain),
            "bide default": partial(bide, count=size.drain, slots=SLOTS),
            "bide": partial(bide, count=size.drain, slots=MANY),
        },
        lines=[
            Line(
                "bare, narrow row, no history", "narrow", "rate", "/s", "SQLite's own work on one table and one index."
            ),
            Line(
                "bare, full row, result and three events",
                "full",
                "rate",
                "/s",
                "Text ids, three events a job in a table of their own, and four indexes more.",
                base=("narrow", "rate"),
            ),
            Line(
                f"Bide, {SLOTS} slots, the default",
                "bide default",
                "rate",
                "/s",
                "The fixed costs of a turn, for 100 jobs; else as below.",
                base=("narrow", "rate"),
                target=Target("≥", 0.4),
            ),
            Line(
                f"Bide, {MANY} slots",
                "bide",
                "rate",
                "/s",
                "SQLite's work on the full row, its index entries and events, and the flush: 20 of some 30 µs a job."
                " The jobs (a task, a context, an input checked) run beside it, but for what needs Python's lock.",
                base=("narrow", "rate"),
                target=Target("≥", 0.4),
            ),
            Line(f"Bide, {MANY} slots, against the full row", "bide", "rate", "/s", "As above.", base=("full", "rate")),
        ],
    )
