"""Latency in one process: how long a job takes to begin, and until its result is seen."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

from bench import bare, jobs
from bench.jobs import App, recorder
from bench.measure import Line, Metrics, Size, Target, Topic, percentile

PAUSE = 0.01
"""Seconds between two jobs: the worker is idle when the next one comes."""


def bide(folder: Path, count: int) -> Metrics:
    """Pick-up: from the call of `enqueue` to the first line of the job. End to end: until `bide.result` returned."""
    return jobs.measure(partial(_bide, count=count), folder)


async def _bide(app: App, count: int) -> Metrics:
    picked_up: list[float] = []
    ended: list[float] = []
    async with app.bide.worker():
        for n in range(count):
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            job = await app.noop.enqueue(n)
            assert await app.bide.result(job) == n
            ended.append(time.perf_counter() - began)
            picked_up.append(recorder.seen[n] - began)
    app.verify(completed=count, events=3)
    return {
        "pick-up p50": percentile(picked_up, 50) * 1_000,
        "pick-up p99": percentile(picked_up, 99) * 1_000,
        "end p50": percentile(ended, 50) * 1_000,
        "end p99": percentile(ended, 99) * 1_000,
    }


def topic(size: Size) -> Topic[Path]:
    commits = "{} commits one after the other, each a flush to the disk and a way to the writing thread and back."
    return Topic(
        title="Latency in one process",
        how=f"{size.latency} jobs, one at a time, {PAUSE * 1_000:.0f} ms after each other, beside an idle worker in the"
        " same event loop; the bare commit of one narrow row, by a thread, at the same pace.",
        cases={
            "bare": partial(bare.commit_from_thread, count=size.latency, pause=PAUSE),
            "bide": partial(bide, count=size.latency),
        },
        lines=[
            Line("bare, one commit from a thread: p50", "bare", "p50", "ms", "One flush to the disk."),
            Line("bare, one commit from a thread: p99", "bare", "p99", "ms", "As above.", base=("bare", "p50")),
            Line(
                "Bide, enqueue to the job's first line: p50",
                "bide",
                "pick-up p50",
                "ms",
                commits.format("Two"),
                base=("bare", "p50"),
                target=Target("≤", 4),
            ),
            Line(
                "Bide, enqueue to the job's first line: p99",
                "bide",
                "pick-up p99",
                "ms",
                "As above.",
                base=("bare", "p50"),
            ),
            Line(
                "Bide, enqueue to the result: p50",
                "bide",
                "end p50",
                "ms",
                commits.format("Three") + " Then two reads: which jobs changed, and the job.",
                base=("bare", "p50"),
                target=Target("≤", 8),
            ),
            Line("Bide, enqueue to the result: p99", "bide", "end p99", "ms", "As above.", base=("bare", "p50")),
        ],
    )
