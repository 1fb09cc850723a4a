"""Enqueue: how fast jobs are accepted, each durable before its caller goes on."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from bench import bare, jobs
from bench.jobs import App
from bench.measure import Case, Line, Metrics, Size, Target, Topic
from bide.store.base import Stats

CALLERS = {1: 20, 10: 2, 100: 1}
"""How many callers, and what part of all jobs they enqueue: one alone waits for the disk each time."""

TURNS = (
    "Python, in one thread at a time: arguments bound and checked, a future and a `Job` made of each, on the event"
    " loop, 15 µs. Then, in turn, since all callers wait for it, the transaction of the full row and its event, 8 µs,"
    " and the flush."
)


def bide(folder: Path, count: int, callers: int) -> Metrics:
    """`callers` coroutines await `job.enqueue(n)`; no worker runs."""
    return jobs.measure(partial(_bide, count=count, callers=callers), folder)


async def _bide(app: App, count: int, callers: int) -> Metrics:
    measured = await bare.from_callers(app.noop.enqueue, range(count), callers)
    _count(await app.bide.stats(), count)
    return measured


def many(folder: Path, count: int) -> Metrics:
    """One `enqueue_many` of all."""
    return jobs.measure(partial(_many, count=count), folder)


async def _many(app: App, count: int) -> Metrics:
    began = time.perf_counter()
    accepted = await app.bide.enqueue_many(app.noop.call(n) for n in range(count))
    elapsed = time.perf_counter() - began
    assert len({job.id for job in accepted}) == count
    _count(await app.bide.stats(), count)
    return {"rate": count / elapsed}


def _count(stats: Stats, count: int) -> None:
    assert stats.ready == count, f"{count} jobs were accepted, {stats.ready} are ready"


def topic(size: Size) -> Topic[Path]:
    cases: dict[str, Case[Path]] = {}
    lines: list[Line] = []
    for callers, part in CALLERS.items():
        count = size.enqueue // part
        narrow, full, ours = (f"{name} {callers}" for name in ("narrow", "full", "bide"))
        cases[narrow] = partial(bare.coalesced, count=count, callers=callers, full=False)
        cases[full] = partial(bare.coalesced, count=count, callers=callers, full=True)
        cases[ours] = partial(bide, count=count, callers=callers)
        lines += _lines(callers, narrow, full, ours)
    cases["narrow bulk"] = partial(bare.bulk, count=size.enqueue, full=False)
    cases["full bulk"] = partial(bare.bulk, count=size.enqueue, full=True)
    cases["bide bulk"] = partial(many, count=size.enqueue)
    lines += [
        Line("bare, bulk: narrow row", "narrow bulk", "rate", "/s", "SQLite's own work."),
        Line("bare, bulk: full row and event", "full bulk", "rate", "/s", "As above.", base=("narrow bulk", "rate")),
        Line(
            "Bide, one enqueue_many",
            "bide bulk",
            "rate",
            "/s",
            TURNS,
            base=("full bulk", "rate"),
        ),
    ]
    return Topic(
        title="Enqueue",
        how="Callers await `job.enqueue(n)` in one process, each its next one when its last is on the disk. In the bare"
        " loop a thread commits everything that waits as one transaction. The row of a job has an id of text, an"
        " owner, four indexes and its first event, as the full bare row has.",
        cases=cases,
        lines=lines,
    )


def _lines(callers: int, narrow: str, full: str, ours: str) -> list[Line]:
    who = "1 caller" if callers == 1 else f"{callers} callers"
    disk = "One flush to the disk a batch, and the way to the thread and back."
    return [
        Line(f"bare, {who}: narrow row", narrow, "rate", "/s", disk),
        Line(f"bare, {who}: full row and event", full, "rate", "/s", "As above.", base=(narrow, "rate")),
        Line(
            f"Bide, {who}",
            ours,
            "rate",
            "/s",
            disk if callers == 1 else TURNS,
            base=(narrow, "rate"),
            target=Target("≥", 0.4) if callers == 100 else None,
        ),
        Line(f"Bide, {who}, against the full row", ours, "rate", "/s", "As above.", base=(full, "rate")),
        Line(f"Bide, {who}: p50", ours, "p50", "ms", "As above.", base=(full, "p50")),
        Line(
            f"Bide, {who}: p99",
            ours,
            "p99",
            "ms",
            "The checkpoint of a full log, and the collector.",
            base=(full, "p99"),
        ),
    ]
