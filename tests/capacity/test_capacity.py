"""A job that waits for a person holds no worker: it is some rows on disk, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bide import Bide
from bide.job import JobStatus
from tests.capacity.measure import measure, time_a_start
from tests.capacity.process import make, worker_process

WAITING = 1_000

MANY = 20_000
"""In every run, for its time; `python -m tests.capacity` takes 100,000."""


async def test_a_thousand_waiting_jobs_hold_nothing_of_a_worker_with_one_slot(tmp_path: Path) -> None:
    database = tmp_path / "jobs.db"
    bide, asking, plain = make(database)
    async with bide:
        with worker_process(database) as worker:
            for job in [await asking.enqueue("at first") for _ in range(20)]:
                await _until_waiting(bide, 1)
                await bide.cancel(job)
                await bide.result(await plain.enqueue(), timeout="60s")
            before = worker.held()
            jobs = await bide.enqueue_many([asking.call(f"subject {n}") for n in range(WAITING)])
            await _until_waiting(bide, WAITING)
            assert await bide.result(await plain.enqueue(), timeout="60s") == "done"
            waiting = worker.held()
            for job in jobs:
                await bide.cancel(job)
            assert await bide.result(await plain.enqueue(), timeout="60s") == "done"
            after = worker.held()
    print(f"threads, descriptors, connections: {before} before, {waiting} with {WAITING} waiting, {after} after")
    # When two readers meet, a worker opens one more connection to read by (of three at most), once and for all: a
    # thread, and the descriptors of the database and its log.
    for then, now in ((before, waiting), (waiting, after)):
        more = now.connections - then.connections
        assert 0 <= more <= 2
        assert now.descriptors == then.descriptors + 2 * more
        # A thread comes with its first query or, where another forestalled it, before.
        assert now.threads - then.threads in range(3)


async def test_what_waiting_jobs_take_on_disk_and_of_a_workers_start(tmp_path: Path) -> None:
    figures = await measure(tmp_path / "jobs.db", MANY)
    print(figures.table())
    assert figures.bytes_per_job <= 3_000
    # How fast a start is depends on the machine, and on what else it does: so each is compared with one beside it, on
    # an empty database. One pair in which it costs no more is enough; what the waiting jobs cost, they cost in each.
    for n in range(5):
        empty, full = await time_a_start(tmp_path / f"empty-{n}.db"), await time_a_start(tmp_path / "jobs.db")
        print(f"a worker starts in {empty:.2f} s on an empty database, and in {full:.2f} s on this one")
        if full < 1.5 * empty:
            return
    pytest.fail("a worker starts more slowly where jobs wait")


async def _until_waiting(bide: Bide[None], count: int) -> None:
    """Return once so many wait for a person, at least."""
    store = bide.store
    mark = store.mark()
    while (await bide.stats()).by_status[JobStatus.PENDING_HITL] < count:
        mark = await _changed(bide, mark)


async def _changed(bide: Bide[None], mark: int) -> int:
    changed = asyncio.Event()
    unsubscribe = bide.store.subscribe(lambda _: changed.set())
    try:
        if bide.store.mark() == mark:
            await changed.wait()
    finally:
        unsubscribe()
    return bide.store.mark()
