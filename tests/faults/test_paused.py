"""Workers that stand still for longer than their lease, and come back: nothing they then write counts."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from bide import Bide, EventKind, JobContext, JobStatus, LeaseLost
from bide.store.base import BEATS_A_LEASE, Completed, Fact, Failed, Released, Retrying, Settled, Suspended
from bide.store.postgres import PostgresStore
from bide.testing.contract.moves import (
    BROKEN,
    claim,
    everything,
    percent,
    question,
    record,
    register,
    settle,
    start,
    step,
)
from bide.upkeep import Upkeep
from tests.faults.app import App, starts
from tests.faults.rows import Row, covers
from tests.support import WorkerProcess, finished, holds, quick, store_at, told, until, writes_held

TARGET = "tests.faults.app:bide"


@pytest_asyncio.fixture
async def app(url: str, tmp_path: Path) -> AsyncIterator[App]:
    app = App(tmp_path, quick(lease=3.0))
    async with app.bide:
        yield app


@contextmanager
def zombie(app: App) -> Generator[WorkerProcess]:
    """A worker with a short lease: it will be paused, and taken for dead by the test's own worker."""
    with WorkerProcess(TARGET, app.folder, lease=1, poll=0.05, cancel_grace=0.2, retention="never") as worker:
        yield worker


@covers(Row.ZOMBIE)
@pytest.mark.parametrize("kind", ["async", "def"])
async def test_a_worker_paused_past_its_lease_writes_nothing_when_it_comes_back(kind: str, app: App) -> None:
    job = await (app.zombie if kind == "async" else app.zombie_in_thread).enqueue()
    with zombie(app) as worker:
        await holds(lambda: bool(app.wrote("holds")))
        await worker.pause(app.url)
        async with app.bide.worker():
            await until(app.bide, job, EventKind.RESCUED)
            done = await finished(app.bide, job)
            assert (done.status, done.attempt, done.result) == (JobStatus.COMPLETED, 2, "by the second")
        before = await app.bide.history(job)
        app.open_gate("zombie")
        worker.send(signal.SIGCONT)
        await holds(lambda: bool(app.wrote("refused" if kind == "def" else "over")))
        # It learns that it was taken for dead, and begins anew under another name.
        await holds(lambda: "taken for dead" in worker.log.read_text())
        assert app.wrote("accepted") == []
        assert app.wrote("refused")[0]["error"] == LeaseLost.__name__
        assert app.ran("late") == []
        patient = await app.patient.enqueue()
        app.open_gate("patient")
        assert (await finished(app.bide, patient)).status is JobStatus.COMPLETED
    assert await app.bide.history(job) == before
    assert starts(list(before)) == [1, 2]


@covers(Row.ZOMBIE)
async def test_before_a_step_a_worker_checks_its_own_last_beat(app: App) -> None:
    """Nobody took the job from it: it must stop all the same, since somebody may have."""
    job = await app.zombie_in_thread.enqueue()
    with zombie(app) as worker:
        await holds(lambda: bool(app.wrote("holds")))
        await worker.pause(app.url)
        await asyncio.sleep(1.1)  # its lease: to let it pass is the fault itself
        with writes_held(app.url):
            app.open_gate("zombie")
            worker.send(signal.SIGCONT)
            # It could ask nobody: no beat is written meanwhile.
            await holds(lambda: bool(app.wrote("refused")))
            assert app.ran("late") == []
        # Its heart beats again, and the job that it gave up is given back: nothing is stuck.
        done = await finished(app.bide, job)
    assert (done.status, done.attempt) == (JobStatus.COMPLETED, 1)
    assert [line["error"] for line in app.wrote("refused")] == [LeaseLost.__name__]


@covers(Row.ZOMBIE)
async def test_a_worker_that_was_buried_gives_up_what_it_runs_and_begins_anew(bide: Bide[None]) -> None:
    runs: list[int] = []
    release = asyncio.Event()

    @bide.job(max_attempts=3)
    async def slow(ctx: JobContext) -> int:
        runs.append(ctx.attempt)
        if ctx.attempt == 1:
            await release.wait()
        return ctx.attempt

    async with bide.worker() as worker:
        before = worker.id
        job = await slow.enqueue()
        await holds(lambda: bool(runs))
        assert await bide.store.rescue([before]) == 1
        done = await finished(bide, job)
        assert (done.status, done.result, done.attempt) == (JobStatus.COMPLETED, 2, 2)
        assert worker.id != before
    assert runs == [1, 2]


@covers(Row.ZOMBIE)
async def test_a_thread_that_outlives_its_lease_does_not_cost_a_slot_for_ever(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(threads=2))
    held: list[int] = []
    open_gates: set[int] = set()

    @bide.job(max_attempts=3)
    def sticky(ctx: JobContext) -> int:
        held.append(ctx.attempt)
        while ctx.attempt not in open_gates:
            time.sleep(0.005)
        return ctx.attempt

    @bide.job
    def pair(ctx: JobContext, n: int) -> int:
        started.add(n)
        while len(started) < 2:
            time.sleep(0.005)
        return n

    started: set[int] = set()
    async with bide.worker() as worker:
        job = await sticky.enqueue()
        await holds(lambda: held == [1])
        assert await bide.store.rescue([worker.id]) == 1
        await holds(lambda: held == [1, 2])
        open_gates.add(1)
        open_gates.add(2)
        assert (await finished(bide, job)).result == 2
        jobs = await bide.enqueue_many(pair.call(n) for n in range(2))
        assert [(await finished(bide, one)).result for one in jobs] == [0, 1]


@covers(Row.ZOMBIE)
async def test_a_full_worker_learns_that_a_job_was_taken_from_it(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(slots=1, lease=1.0))
    ended: list[str] = []
    began = asyncio.Event()

    @bide.job(max_attempts=1)
    async def endless(ctx: JobContext) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cut off")

    async with bide.worker():
        job = await endless.enqueue()
        await began.wait()
        running = (await bide.store.get([str(job.id)], None))[0]
        # As a sweep of another worker does with what runs past its timeout.
        await bide.store.release({running.id: running.lease})
        await holds(lambda: bool(ended))
        await bide.cancel(job)
        await finished(bide, job)


@covers(Row.ZOMBIE)
async def test_a_living_worker_is_not_rescued(bide: Bide[None]) -> None:
    release = asyncio.Event()

    @bide.job
    async def slow(ctx: JobContext) -> str:
        await release.wait()
        return "done"

    async with bide.worker():
        job = await slow.enqueue()
        await until(bide, job, EventKind.STARTED)
        upkeep = Upkeep(bide.store, grace=60, age_limit=600, retention=None)
        first = (await bide.store.workers())[0].beat
        while (await bide.store.workers())[0].beat < first + 4:  # longer than its lease: three beats
            assert await upkeep.rescue() == 0
            await asyncio.sleep(0.05)
        release.set()
        assert (await finished(bide, job)).attempt == 1
        assert EventKind.RESCUED not in await told(bide, job)


@covers(Row.ZOMBIE)
async def test_every_write_of_a_run_that_lost_its_lease_is_refused(bide: Bide[None]) -> None:
    # A run that is abandoned meets JobEnded instead: it must not be while the second one is at work.
    bide = Bide(bide.url, settings=quick(cancel_grace=600))
    seen: list[str] = []
    go_on = asyncio.Event()
    began = asyncio.Event()

    @bide.job(max_attempts=2)
    async def stubborn(ctx: JobContext) -> str:
        if ctx.attempt == 2:
            return "second"
        began.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                seen.append("told")
        ctx.progress(99)
        ctx.log("late")
        try:
            await ctx.options(name="late").step(effect)
        except LeaseLost as error:
            seen.append(type(error).__name__)
        return "first"

    async def effect() -> None:
        seen.append("effect")

    async with bide.worker() as worker:
        job = await stubborn.enqueue()
        await began.wait()
        assert await bide.store.rescue([worker.id]) == 1
        done = await finished(bide, job)
        assert (done.result, done.attempt) == ("second", 2)
        before = await told(bide, job)
        go_on.set()
        await holds(lambda: "LeaseLost" in seen)
        assert await told(bide, job) == before
    assert "effect" not in seen


@covers(Row.ZOMBIE)
async def test_no_verb_takes_what_comes_under_a_lease_that_was_lost(url: str) -> None:
    store = store_at(url)
    await store.open()
    try:
        worker = await register(store)
        run = await start(store, worker, max_attempts=2)
        await store.rescue([worker])
        again = await claim(store, await register(store))
        before = await everything(store, run.id)
        with pytest.raises(LeaseLost):
            await record(store, run, step())
        with pytest.raises(LeaseLost):
            await store.ask(run.id, run.lease, question())
        assert list(await store.note([percent(run, 99), Fact(run.id, run.lease, EventKind.LOG, "{}")])) == [False] * 2
        for outcome in (Completed("1"), Released(), Suspended((), store.now()), Retrying(BROKEN, 0), Failed(BROKEN)):
            assert await settle(store, again.id, run, outcome) is Settled.LOST
        await store.release({run.id: run.lease})
        assert await everything(store, run.id) == before
        assert await settle(store, again.id, again, Completed('"in time"')) is Settled.APPLIED
    finally:
        await store.close()


@covers(Row.ZOMBIE)
async def test_who_stands_still_is_taken_for_dead_just_past_its_lease(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, now = 30.0, 0.0
    monkeypatch.setattr("bide.upkeep.time.monotonic", lambda: now)
    store = store_at(url)
    # It is said to be on another host: only that it stands still tells.
    monkeypatch.setattr(store, "gone", PostgresStore("postgresql://unused").gone)
    await store.open()
    try:
        run = await start(store, await register(store, round(lease * 1_000_000)))
        upkeep = Upkeep(store, grace=1.0, age_limit=600.0, retention=None)
        between = lease / BEATS_A_LEASE / 2
        while now <= lease:
            await upkeep.sweep()
            assert (await store.get([run.id], None))[0].status is JobStatus.RUNNING, f"after {now} s"
            now += between
        await upkeep.sweep()
        assert (await store.get([run.id], None))[0].status is JobStatus.FAILED, "its only attempt was lost"
    finally:
        await store.close()
