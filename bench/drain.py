"""Drain: how fast one worker empties a queue of jobs that do nothing."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from bench import bare, jobs
from bench.jobs import App, recorder
from bench.measure import Line, Metrics, Size, Target, Topic


def bide(folder: Path, count: int) -> Metrics:
    """From before the worker registers until the file holds every result: one worker, 200 slots, history included."""
    return jobs.measure(partial(_bide, count=count), folder, noop=count)


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
        how=f"{size.drain:,} no-op `async` jobs with results and history, enqueued before; one worker with its default"
        " of 200 slots, alone in a process of its own, as the bare loops are. Those settle 200 jobs and claim 200 in"
        " one transaction, and run each as one `asyncio.Task`.",
        cases={
            "narrow": partial(bare.drain_narrow, count=size.drain),
            "full": partial(bare.drain_full, count=size.drain),
            "bide": partial(bide, count=size.drain),
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
                "Bide",
                "bide",
                "rate",
                "/s",
                "SQLite's work on the full row, its index entries and events, and the flush: 20 of some 30 µs a job."
                " The jobs (a task, a context, an input checked) run beside it, but for what needs Python's lock.",
                base=("narrow", "rate"),
                target=Target("≥", 0.4),
            ),
            Line("Bide, against the full row", "bide", "rate", "/s", "As above.", base=("full", "rate")),
        ],
    )
