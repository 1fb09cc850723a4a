"""Workers that are told to end: they drain, and what they give back spends no attempt."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide import Bide, EventKind, JobContext, JobStatus
from bide.worker import Worker
from tests.faults.app import App, starts
from tests.faults.rows import Row, covers
from tests.support import WorkerProcess, finished, holds, quick, told, until

TARGET = "tests.faults.app:bide"
SETTINGS: dict[str, Any] = {"lease": 3, "poll": 0.05, "cancel_grace": 0.2, "retention": "never"}


@pytest_asyncio.fixture
async def app(url: str, tmp_path: Path) -> AsyncIterator[App]:
    app = App(tmp_path, quick())
    async with app.bide:
        yield app


@covers(Row.SIGTERM)
async def test_a_worker_told_to_end_finishes_what_runs_and_begins_nothing(app: App) -> None:
    with WorkerProcess(TARGET, app.folder, drain=30, **SETTINGS) as worker:
        running = await app.patient.enqueue()
        await holds(lambda: bool(app.wrote("waits")))
        worker.send(signal.SIGTERM)
        await holds(lambda: "finishing what runs" in worker.log.read_text())
        late = await app.patient.enqueue()
        app.open_gate("patient")
        assert (await finished(app.bide, running)).result == "waited"
        assert await worker.ended() == 0
    assert (await app.bide.get(late)).status is JobStatus.PENDING
    assert await told(app.bide, late) == [EventKind.ENQUEUED]
    assert await app.bide.store.workers() == []


@covers(Row.SIGTERM)
@pytest.mark.parametrize("kind", ["async", "def"])
async def test_what_runs_past_the_drain_is_given_back_unspent(kind: str, app: App) -> None:
    job = await (app.patient if kind == "async" else app.sleeping).enqueue()
    with WorkerProcess(TARGET, app.folder, drain=0.2, **SETTINGS) as worker:
        await holds(lambda: bool(app.wrote("waits") or app.wrote("sleeps")))
        worker.send(signal.SIGTERM)
        assert await worker.ended() == 0
    released = await app.bide.get(job)
    assert (released.status, released.reason, released.attempt) == (JobStatus.PENDING, "released", 1)
    app.open_gate("patient")
    app.open_gate("sleeping")
    async with app.bide.worker():
        done = await finished(app.bide, job)
    assert (done.status, done.attempt) == (JobStatus.COMPLETED, 1)
    assert starts(list(await app.bide.history(job))) == [1, 1]


@covers(Row.SIGTERM)
@pytest.mark.parametrize("kind", ["async", "def"])
async def test_a_second_signal_ends_a_worker_at_once_and_gives_back_its_jobs(kind: str, app: App) -> None:
    job = await (app.patient if kind == "async" else app.sleeping).enqueue()
    # At once must not mean after the drain, nor after the grace: neither would come to its end here.
    settings = {**SETTINGS, "cancel_grace": 600}
    with WorkerProcess(TARGET, app.folder, drain=600, **settings) as worker:
        await holds(lambda: bool(app.wrote("waits") or app.wrote("sleeps")))
        worker.send(signal.SIGTERM)
        await holds(lambda: "finishing what runs" in worker.log.read_text())
        worker.send(signal.SIGTERM)
        assert await worker.ended() == 128 + signal.SIGTERM
    released = await app.bide.get(job)
    assert (released.status, released.reason, released.attempt) == (JobStatus.PENDING, "released", 1)


@covers(Row.SIGTERM)
async def test_leaving_the_worker_of_an_app_drains_it(bide: Bide[None]) -> None:
    @bide.job
    async def busy(ctx: JobContext) -> str:
        await ctx.options(name="effect").step(effect)
        return "done"

    async def effect() -> None:
        began.append(True)
        await holds(lambda: worker.stopping)

    began: list[bool] = []
    async with bide:
        job = await busy.enqueue()
        async with bide.worker() as worker:
            await holds(lambda: bool(began))
        done = await bide.get(job)
        assert (done.status, done.result) == (JobStatus.COMPLETED, "done")
        assert await told(bide, job) == [
            EventKind.ENQUEUED,
            EventKind.STARTED,
            EventKind.STEP_COMPLETED,
            EventKind.COMPLETED,
        ]


@covers(Row.SIGTERM)
async def test_what_is_cut_off_goes_on_in_the_same_attempt_with_the_time_it_ran(bide: Bide[None]) -> None:
    """The program is cancelled twice, so there is no drain: the runs are given back with the worker's row."""
    began = asyncio.Event()

    @bide.job(timeout="10m")
    async def slow(ctx: JobContext) -> None:
        ctx.progress(10 if began.is_set() else 80)
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()

    workers: list[Worker] = []

    async def serve() -> None:
        async with bide.worker() as worker:
            workers.append(worker)
            await slow.enqueue()
            await worker.ended()

    async with bide:
        serving = asyncio.create_task(serve())
        await began.wait()
        since = time.monotonic()
        (job,) = await bide.list()
        await until(bide, job, EventKind.PROGRESS)
        serving.cancel()
        await holds(lambda: workers[0].stopping)  # the second cancel is to come after the first
        ran = time.monotonic() - since
        serving.cancel()
        await asyncio.wait([serving])
        row = (await bide.store.get([str(job.id)], None))[0]
        assert (row.status, row.reason) == (JobStatus.PENDING, "released")
        assert row.elapsed >= round(ran * 1_000_000)
        async with bide.worker():
            done = await finished(bide, job)
        assert (done.attempt, done.progress.percent) == (1, 80)
