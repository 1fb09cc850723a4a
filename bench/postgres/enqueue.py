"""Enqueue: how fast jobs are accepted, each durable before its caller goes on."""

from __future__ import annotations

import time
from functools import partial

from bench.bare import from_callers
from bench.measure import Case, Line, Metrics, Size, Target, Topic
from bench.postgres import bare, jobs
from bench.postgres.database import Database
from bench.postgres.jobs import App

CALLERS = {1: 10, 10: 2, 100: 1}
"""How many callers, and what part of all jobs they enqueue: one alone waits for the disk each time."""

ROUND_TRIP = "One round trip, one commit on the disk."

PYTHON = "Python on the event loop: arguments bound and checked, a future and a `Job` made of each. Then the statement."


def bide(database: Database, count: int, callers: int) -> Metrics:
    """`callers` coroutines await `job.enqueue(n)`; no worker runs."""
    return jobs.measure(partial(_bide, count=count, callers=callers), database)


async def _bide(app: App, count: int, callers: int) -> Metrics:
    measured = await from_callers(app.noop.enqueue, range(count), callers)
    await jobs.verify_accepted(app.url, count)
    return measured


def many(database: Database, count: int) -> Metrics:
    """One `enqueue_many` of all."""
    return jobs.measure(partial(_many, count=count), database)


async def _many(app: App, count: int) -> Metrics:
    began = time.perf_counter()
    await app.bide.enqueue_many(app.noop.call(n) for n in range(count))
    elapsed = time.perf_counter() - began
    await jobs.verify_accepted(app.url, count)
    return {"rate": count / elapsed}


def topic(size: Size) -> Topic[Database]:
    cases: dict[str, Case[Database]] = {"insert": partial(bare.single, count=size.enqueue // CALLERS[1])}
    lines = [
        Line("bare, one narrow row: p50", "insert", "p50", "ms", ROUND_TRIP),
        Line("bare, one narrow row: p99", "insert", "p99", "ms", "The disk."),
    ]
    for callers, part in CALLERS.items():
        count = size.enqueue // part
        cases[f"full {callers}"] = partial(bare.coalesced, count=count, callers=callers, full=True)
        cases[f"bide {callers}"] = partial(bide, count=count, callers=callers)
        lines += _lines(callers)
    cases["full bulk"] = partial(bare.bulk, count=size.enqueue)
    cases["bide bulk"] = partial(many, count=size.enqueue)
    lines += [
        Line("bare, bulk: full row and event", "full bulk", "rate", "/s", "The server's own work."),
        Line("Bide, one enqueue_many", "bide bulk", "rate", "/s", PYTHON, base=("full bulk", "rate")),
    ]
    return Topic(
        title="Enqueue",
        how="Callers await `job.enqueue(n)` in one process, each its next one when its last is on the disk. In the bare"
        " loop everything that waits is one statement; the full row comes with its first event.",
        cases=cases,
        lines=lines,
    )


def _lines(callers: int) -> list[Line]:
    who = "1 caller" if callers == 1 else f"{callers} callers"
    full, ours = f"full {callers}", f"bide {callers}"
    limit = ROUND_TRIP if callers == 1 else PYTHON
    lines = [
        Line(f"bare, {who}: full row and event", full, "rate", "/s", "Round trips, each with a commit on the disk."),
        Line(f"Bide, {who}", ours, "rate", "/s", limit, base=(full, "rate")),
        Line(f"Bide, {who}: p50", ours, "p50", "ms", "As above.", base=(full, "p50")),
        Line(f"Bide, {who}: p99", ours, "p99", "ms", "The disk, and the collector.", base=(full, "p99")),
    ]
    if callers == 1:
        beside = ("insert", "p50")
        aim = Target("≤", 1.5)
        lines.insert(2, Line("Bide, 1 caller: p50, against the insert", ours, "p50", "ms", limit, beside, aim))
    return lines
