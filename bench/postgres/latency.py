"""Latency: how long a job takes to begin, until its result is seen, and until an answer resumes it."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from bench.marks import Marks
from bench.measure import Line, Metrics, Size, Target, Topic, quantiles
from bench.postgres import bare, jobs
from bench.postgres.database import Database
from bench.postgres.jobs import WAITING, App
from bench.postgres.worker import at_work
from bide import Proceed

PAUSE = 0.01
"""Seconds between two jobs: the worker is idle when the next one comes."""


EVENTS = 9
"""Of a job that asks once: enqueued, started, opened, waiting, served, answered, resumed, started, completed."""


def bide(database: Database, count: int) -> Metrics:
    """Pick-up: from the call of `enqueue` to the first line of the job. End to end: until `bide.result` returned."""
    return jobs.measure(partial(_bide, database=database, count=count), database)


async def _bide(app: App, database: Database, count: int) -> Metrics:
    picked_up: list[float] = []
    ended: list[float] = []
    marks = Marks.create(database.marks, count)
    with at_work("bide", database) as (child,):
        child.go()
        await app.registered()
        for n in range(count):
            await asyncio.sleep(PAUSE)
            began = time.monotonic()
            job = await app.noop.enqueue(n)
            assert await app.bide.result(job) == n
            ended.append(time.monotonic() - began)
            picked_up.append(marks[n] - began)
    await jobs.verify(app.url, completed=count, events=3)
    return bare.latencies(picked_up, ended)


def resume(database: Database, count: int) -> Metrics:
    """From the call of `respond` to the line of the job that comes after its question."""
    return jobs.measure(partial(_resume, database=database, count=count), database)


async def _resume(app: App, database: Database, count: int) -> Metrics:
    resumed: list[float] = []
    marks = Marks.create(database.marks, count)
    waiting = await app.bide.enqueue_many(app.asking.call(n) for n in range(count))
    with at_work("bide", database) as (child,):
        child.go()
        await app.until(WAITING, count)
        for n, job in enumerate(waiting):
            (prompt,) = await app.bide.show_prompts(job)
            await asyncio.sleep(PAUSE)
            began = time.monotonic()
            await app.bide.respond(job, Proceed(), prompt=prompt.id)
            assert await app.bide.result(job) == n
            resumed.append(marks[n] - began)
    await jobs.verify(app.url, completed=count, events=EVENTS)
    return quantiles(resumed)


def topic(size: Size) -> Topic[Database]:
    return Topic(
        title="Latency",
        how=f"{size.latency} jobs, one at a time, {PAUSE * 1_000:.0f} ms after each other, beside an idle worker in a"
        " process of its own. Bare: a row is inserted with a notification in one statement; another process hears it,"
        " claims the row, and settles it. Then as many jobs that wait for an answer, answered one at a time.",
        cases={
            "bare": partial(bare.latency, count=size.latency, pause=PAUSE),
            "bide": partial(bide, count=size.latency),
            "resume": partial(resume, count=size.latency),
        },
        lines=[
            Line("bare, insert, notify, claim: p50", "bare", "pick-up p50", "ms", "Two commits and a notification."),
            Line("bare, insert, notify, claim: p99", "bare", "pick-up p99", "ms", "The disk."),
            Line("bare, until settled: p50", "bare", "end p50", "ms", "Three commits and a notification."),
            Line(
                "Bide, enqueue to the job's first line: p50",
                "bide",
                "pick-up p50",
                "ms",
                "Two commits; the notification comes after the first, in a transaction of its own.",
                base=("bare", "pick-up p50"),
                target=Target("≤", 1.6),
            ),
            Line(
                "Bide, enqueue to the job's first line: p99",
                "bide",
                "pick-up p99",
                "ms",
                "As above.",
                base=("bare", "pick-up p99"),
            ),
            Line(
                "Bide, enqueue to the result: p50",
                "bide",
                "end p50",
                "ms",
                "Three commits, two notifications; then two reads: which jobs changed, and the job.",
                base=("bare", "end p50"),
                target=Target("≤", 1.8),
            ),
            Line("Bide, enqueue to the result: p99", "bide", "end p99", "ms", "As above.", base=("bare", "end p99")),
            Line(
                "Bide, response to the line after the question: p50",
                "resume",
                "p50",
                "ms",
                "Three commits: the answer, the claim, and the read of what the job remembers.",
                target=Target("≤", 20, ratio=False),
            ),
            Line("Bide, response to the line after the question: p99", "resume", "p99", "ms", "As above."),
        ],
    )
