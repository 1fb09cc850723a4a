"""Several processes on one file: two that drain it together, and an enqueuer beside three that write all the time."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from bench import bare, jobs
from bench.jobs import App
from bench.measure import Line, Metrics, Size, Target, Topic, quantiles
from bench.worker import Child, Kind

PAUSE = 0.002
"""Seconds between two enqueues beside others."""

LOOK = 4
"""Enqueues between two looks whether the others still drain: counting is work, and should not delay what is timed."""


@contextmanager
def _workers(kind: Kind, folder: Path, count: int) -> Generator[list[Child]]:
    """So many processes that have opened the file and wait for their sign; ended in the end."""
    children = [Child.worker(kind, folder) for _ in range(count)]
    try:
        for child in children:
            child.until("open")
        yield children
    finally:
        for child in children:
            child.end()


def bide(folder: Path, count: int, processes: int) -> Metrics:
    return jobs.measure(partial(_bide, count=count, processes=processes), folder, noop=count)


async def _bide(app: App, count: int, processes: int) -> Metrics:
    with _workers("bide", app.path.parent, processes) as children:
        began = time.perf_counter()
        for child in children:
            child.go()
        await app.finished(count)
        elapsed = time.perf_counter() - began
    app.verify(completed=count, events=3)
    return {"rate": count / elapsed}


def drain_bare(folder: Path, count: int, processes: int) -> Metrics:
    """Each process runs the full loop; they wait for each other as SQLite lets them."""
    with closing(bare.fill_full(folder, count)) as db, _workers("bare", folder, processes) as children:
        began = time.perf_counter()
        for child in children:
            child.go()
        for child in children:
            child.until("ended")
        elapsed = time.perf_counter() - began
        assert db.execute("select count(*) from job where status = 'completed'").fetchone() == (count,)
    return {"rate": count / elapsed}


def beside(folder: Path, count: int, processes: int) -> Metrics:
    return jobs.measure(partial(_beside, count=count, processes=processes), folder, noop=count)


async def _beside(app: App, count: int, processes: int) -> Metrics:
    with _workers("bide", app.path.parent, processes) as children, closing(sqlite3.connect(app.path)) as db:
        for child in children:
            child.go()
        latencies = await _enqueue_while(lambda: jobs.finished(db) < count, app.noop.enqueue, count)
        await app.finished(count + len(latencies))
    app.verify(completed=count + len(latencies), events=3)
    return {**quantiles(latencies), "count": float(len(latencies))}


def beside_bare(folder: Path, count: int, processes: int) -> Metrics:
    stack = ExitStack()
    db = stack.enter_context(closing(bare.fill_full(folder, count)))
    ours = stack.enter_context(closing(bare.connect(folder)))
    last = db.execute("select max(id) from job").fetchone()
    thread = stack.enter_context(ThreadPoolExecutor(1))

    async def enqueue(n: int) -> None:
        await asyncio.get_running_loop().run_in_executor(thread, bare.write_full, ours, [f'{{"n":{n}}}'])

    def hot() -> bool:
        return bool(db.execute("select status = 'pending' from job where id = ?", last).fetchone()[0])

    with stack, _workers("bare", folder, processes) as children:
        for child in children:
            child.go()
        latencies = asyncio.run(_enqueue_while(hot, enqueue, count))
        for child in children:
            child.until("ended")
    return quantiles(latencies)


def among(folder: Path, seconds: float, processes: int) -> Metrics:
    return jobs.measure(partial(_among, seconds=seconds, processes=processes), folder)


async def _among(app: App, seconds: float, processes: int) -> Metrics:
    with _workers("bide writer", app.path.parent, processes) as children:
        for child in children:
            child.go()
        return quantiles(await _enqueue_while(_passing(seconds), app.noop.enqueue, 0))


def among_bare(folder: Path, seconds: float, processes: int) -> Metrics:
    with (
        closing(bare.fill_full(folder, 0)),
        closing(bare.connect(folder)) as ours,
        ThreadPoolExecutor(1) as thread,
        _workers("bare writer", folder, processes) as children,
    ):
        for child in children:
            child.go()

        async def enqueue(n: int) -> None:
            await asyncio.get_running_loop().run_in_executor(thread, bare.write_full, ours, [f'{{"n":{n}}}'])

        return quantiles(asyncio.run(_enqueue_while(_passing(seconds), enqueue, 0)))


def _passing(seconds: float) -> Callable[[], bool]:
    """Whether this time is not over: who is starved would need minutes for a number of enqueues."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() < end


async def _enqueue_while(
    hot: Callable[[], bool], enqueue: Callable[[int], Awaitable[object]], first: int
) -> list[float]:
    """Latencies of single enqueues, one after the other, PAUSE apart, as long as the others write."""
    latencies: list[float] = []
    while len(latencies) % LOOK or hot():
        began = time.perf_counter()
        await enqueue(first + len(latencies))
        latencies.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE)
    return latencies


def topic(size: Size) -> Topic[Path]:
    return Topic(
        title="Several processes",
        how=f"Worker processes on one file, each with 200 slots: one and two that drain {size.drain:,} jobs. Then a"
        f" process that enqueues one job after the other, {PAUSE * 1_000:.0f} ms apart, beside three that write all the"
        f" time: enqueuing alike but without a pause; or draining {size.beside:,} jobs. On a machine with fewer cores"
        " than processes, latencies include the wait for a core.",
        cases={
            "bare 1": partial(drain_bare, count=size.drain, processes=1),
            "bare 2": partial(drain_bare, count=size.drain, processes=2),
            "bide 1": partial(bide, count=size.drain, processes=1),
            "bide 2": partial(bide, count=size.drain, processes=2),
            "bare among": partial(among_bare, seconds=size.among, processes=3),
            "bide among": partial(among, seconds=size.among, processes=3),
            "bare beside": partial(beside_bare, count=size.beside, processes=3),
            "bide beside": partial(beside, count=size.beside, processes=3),
        },
        lines=[
            Line("bare, one process drains the full row", "bare 1", "rate", "/s", "SQLite's own work."),
            Line(
                "bare, two processes drain together",
                "bare 2",
                "rate",
                "/s",
                "One writes at a time; who waits sleeps.",
                base=("bare 1", "rate"),
            ),
            Line("Bide, one worker process", "bide 1", "rate", "/s", "As in the drain above.", base=("bare 1", "rate")),
            Line(
                "Bide, two worker processes",
                "bide 2",
                "rate",
                "/s",
                "While one writes, the other runs its jobs; what is left is SQLite's own work, one writer at a time.",
                base=("bare 2", "rate"),
            ),
            Line(
                "bare, insert beside three inserting: p50",
                "bare among",
                "p50",
                "ms",
                "SQLite's own waiting sleeps and tries again, and so starves who writes seldom.",
            ),
            Line("bare, insert beside three inserting: p99", "bare among", "p99", "ms", "As above."),
            Line(
                "Bide, enqueue beside three enqueuing: p50",
                "bide among",
                "p50",
                "ms",
                "The commits of the others that wait before it, a flush to the disk each.",
                base=("bare among", "p50"),
            ),
            Line(
                "Bide, enqueue beside three enqueuing: p99",
                "bide among",
                "p99",
                "ms",
                "As above, and the wait for a core: four processes want one.",
                base=("bare among", "p99"),
                target=Target("<", 10, ratio=False),
            ),
            Line(
                "bare, insert beside three draining: p50",
                "bare beside",
                "p50",
                "ms",
                "As above.",
            ),
            Line("bare, insert beside three draining: p99", "bare beside", "p99", "ms", "As above."),
            Line(
                "Bide, enqueue beside three draining: p50",
                "bide beside",
                "p50",
                "ms",
                "The transactions of the others that wait before it, of 100 jobs settled and 100 claimed each.",
                base=("bare beside", "p50"),
            ),
            Line(
                "Bide, enqueue beside three draining: p99",
                "bide beside",
                "p99",
                "ms",
                "As above, and the wait for a core: four processes want one.",
                base=("bare beside", "p99"),
                target=Target("<", 10, ratio=False),
            ),
        ],
    )
