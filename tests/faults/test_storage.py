"""A database that is full, locked, slow to say what it did, or shared; and clocks that jump."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bide import Bide, Confirm, EventKind, JobContext, JobStatus
from bide.clock import SystemClock
from bide.errors import StoreBusy, StoreFull
from bide.store.postgres import PostgresStore
from bide.store.sqlite import SQLiteStore
from bide.testing import ManualClock
from bide.testing.contract.moves import register, row, start
from bide.upkeep import Upkeep
from tests.faults.rows import Row, covers
from tests.support import finished, holds, is_file, quick, store_at, told, until, working

SECOND = 1_000_000


def connecting(factory: type[sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    def connect(path: str, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(path, factory=factory, **options)

    return connect


@covers(Row.DISK_FULL)
async def test_a_full_disk_refuses_new_jobs_and_running_ones_go_on_when_it_heals(bide: Bide[None], path: Path) -> None:
    full = threading.Event()
    began, go_on = asyncio.Event(), asyncio.Event()

    class Disk(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == "begin immediate":
                (pages,) = super().execute("pragma page_count").fetchone()
                super().execute(f"pragma max_page_count = {pages if full.is_set() else 1_000_000}")
            return super().execute(sql, parameters)

    @bide.job
    async def writing(ctx: JobContext) -> str:
        began.set()
        await go_on.wait()
        return await ctx.options(name="effect").step(effect)

    effects: list[str] = []

    async def effect() -> str:
        effects.append("once")
        return "x" * 200_000

    @bide.job
    async def large(ctx: JobContext, text: str) -> int:
        return len(text)

    async with working(bide, lambda: SQLiteStore(path, synchronous="NORMAL", connect=connecting(Disk))):
        job = await writing.enqueue()
        await began.wait()
        full.set()
        before = len(await bide.list())
        for _ in range(2):
            with pytest.raises(StoreFull):
                await large.enqueue("y" * 200_000)
        assert len(await bide.list()) == before
        # What needs no new page is written still; who cannot be served does not stand in its way.
        go_on.set()
        await holds(lambda: effects == ["once"])
        with pytest.raises(StoreFull):
            await large.enqueue("y" * 200_000)
        assert (await bide.get(job)).status is JobStatus.RUNNING
        full.clear()
        done = await finished(bide, job)
        assert (done.result, done.attempt) == ("x" * 200_000, 1)
        assert effects == ["once"]
        assert (await finished(bide, await large.enqueue("y" * 200_000))).result == 200_000
        assert len(await bide.list()) == before + 1


@covers(Row.LOCKED)
async def test_a_lock_of_somebody_else_is_waited_for(bide: Bide[None], path: Path) -> None:
    locked, met = threading.Event(), threading.Event()

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == "begin immediate" and locked.is_set():
                met.set()
            return super().execute(sql, parameters)

    @bide.job
    async def brief(ctx: JobContext) -> str:
        return "done"

    store = SQLiteStore(path, busy_timeout=600, connect=connecting(Watched))
    await bide.open_on(lambda: store)
    try:
        foreign = sqlite3.connect(path, isolation_level=None)
        foreign.execute("begin immediate")
        locked.set()
        waiting = asyncio.create_task(brief.enqueue())
        await holds(met.is_set)
        # Readers are not held up.
        assert await bide.list() == []
        assert not waiting.done()
        foreign.execute("rollback")
        foreign.close()
        accepted = await waiting
        assert await bide.list() == [accepted]
    finally:
        await bide.shut()


@covers(Row.LOCKED)
async def test_a_lock_of_somebody_else_past_the_bound_is_busy_and_leaves_nothing(bide: Bide[None], path: Path) -> None:
    hasty: Bide[None] = Bide(bide.url, settings=quick(busy_timeout=0.2))

    @hasty.job
    async def brief(ctx: JobContext) -> str:
        return "done"

    async with hasty:
        foreign = sqlite3.connect(path, isolation_level=None)
        foreign.execute("begin immediate")
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(StoreBusy):
            await brief.enqueue()
        assert loop.time() - began >= 0.2
        foreign.execute("rollback")
        foreign.close()
    # What it had left to write, it has written.
    async with bide:
        assert await bide.list() == []


@covers(Row.LOCKED)
async def test_a_running_job_outlasts_a_lock_past_the_bound(bide: Bide[None], path: Path) -> None:
    hasty: Bide[None] = Bide(bide.url, settings=quick(busy_timeout=0.2, lease=10.0))
    began, go_on = asyncio.Event(), asyncio.Event()

    async def writing(ctx: JobContext) -> str:
        began.set()
        await go_on.wait()
        ctx.progress(50)
        await ctx.options(name="effect").step(effect)
        return "done"

    effects: list[str] = []

    async def effect() -> None:
        effects.append("once")

    writes = hasty.job(max_attempts=1)(writing)
    async with bide, hasty.worker():
        job = await bide.job(max_attempts=1)(writing).enqueue()
        await began.wait()
        foreign = sqlite3.connect(path, isolation_level=None)
        foreign.execute("begin immediate")
        go_on.set()
        for _ in range(3):
            with pytest.raises(StoreBusy):
                await writes.enqueue()
        foreign.execute("rollback")
        foreign.close()
        assert (await finished(bide, job)).status is JobStatus.COMPLETED
        assert effects == ["once"]


@covers(Row.LOCKED)
async def test_a_lock_for_longer_than_a_lease_buries_nobody(
    bide: Bide[None], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bide = Bide(bide.url, settings=quick(busy_timeout=0.1, lease=0.6))
    began, go_on = asyncio.Event(), asyncio.Event()

    @bide.job(max_attempts=1)
    async def slow(ctx: JobContext) -> str:
        began.set()
        await go_on.wait()
        return "done"

    async with bide.worker() as worker:
        name = worker.id
        job = await slow.enqueue()
        await began.wait()
        foreign = sqlite3.connect(path, isolation_level=None)
        foreign.execute("begin immediate")
        await asyncio.sleep(1.0)  # longer than its lease: to let it pass is the fault itself
        await holds(lambda: "heartbeat failed" in caplog.text)
        foreign.execute("rollback")
        foreign.close()
        beat = (await bide.store.workers())[0].beat
        while (await bide.store.workers())[0].beat < beat + 4:  # noqa: ASYNC110 - a beat tells nobody
            await asyncio.sleep(0.02)
        go_on.set()
        done = await finished(bide, job)
        assert worker.id == name
    assert (done.status, done.attempt) == (JobStatus.COMPLETED, 1)
    assert "event loop has been blocked" not in caplog.text


@covers(Row.LOCKED)
async def test_a_time_in_which_nobody_could_look_is_not_time_that_a_worker_stood_still(url: str) -> None:
    store = store_at(url)
    await store.open()
    try:
        await register(store, lease=SECOND // 2)
        upkeep = Upkeep(store, grace=60, age_limit=600, retention=None)
        await upkeep.rescue()
        await asyncio.sleep(0.6)  # its lease
        await upkeep.rescue()
        assert len(await store.workers()) == 1
        # It stands still before the eyes of the other, too.
        async with asyncio.timeout(10):
            while await store.workers():
                await upkeep.rescue()
                await asyncio.sleep(0.02)
    finally:
        await store.close()


@covers(Row.CLOCK)
async def test_a_time_in_which_nobody_could_look_is_not_time_that_a_job_ran(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("bide.upkeep.time.monotonic", lambda: now)
    store = store_at(url)
    await store.open()
    try:
        run = await start(store, await register(store), timeout=600 * SECOND)
        upkeep = Upkeep(store, grace=30, age_limit=600, retention=None)
        assert await upkeep.overdue() == 0
        now += 700  # the database was away, or this process stood still
        assert await upkeep.overdue() == 0
        for _ in range(60):
            now += 10
            assert await upkeep.overdue() == 0
        now += 10
        assert await upkeep.overdue() == 1
        assert (await row(store, run.id)).reason == "timeout"
    finally:
        await store.close()


@covers(Row.UNKNOWN_COMMIT)
async def test_a_commit_of_unknown_outcome_is_looked_up_and_not_repeated(bide: Bide[None], path: Path) -> None:
    bide = Bide(bide.url, settings=quick(lease=1.0))
    failures: list[str] = []
    armed = threading.Event()

    class Unsure(sqlite3.Connection):
        """Every commit of a write happens; every third of them says that it failed."""

        commits = 0
        writes = False

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            cursor = super().execute(sql, parameters)
            if sql.startswith("begin"):
                self.writes = sql == "begin immediate"
            if sql == "commit" and self.writes and armed.is_set():
                Unsure.commits += 1
                if Unsure.commits % 3 == 0:
                    failures.append(sql)
                    error = sqlite3.OperationalError("disk I/O error")
                    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                    raise error
            return cursor

    effects: list[int] = []

    @bide.job
    async def counting(ctx: JobContext, n: int) -> int:
        ctx.progress(10, "began")
        ctx.log("a line")
        await ctx.options(name="effect").step(effect, n)
        decision = await ctx.ask("sure", Confirm(summary="?"), timeout="1h")
        ctx.progress(90, decision.action)
        return n

    async def effect(n: int) -> int:
        effects.append(n)
        return n

    async with working(bide, lambda: SQLiteStore(path, synchronous="NORMAL", connect=connecting(Unsure))):
        armed.set()
        jobs = [await counting.options(idempotency_key=f"key {n}").enqueue(n) for n in range(10)]
        for job in jobs:
            await until(bide, job, EventKind.WAITING)
            (prompt,) = await bide.prompts(job)
            await bide.respond(job, {"action": "proceed"}, prompt=prompt.id)
        assert [(await finished(bide, job)).result for job in jobs] == list(range(10))
        armed.clear()
        assert len(failures) > 10
        assert sorted(effects) == list(range(10))
        assert len(await bide.list()) == 10
        for job in jobs:
            kinds = await told(bide, job)
            for kind in (EventKind.ENQUEUED, EventKind.STEP_COMPLETED, EventKind.PROMPT_ANSWERED, EventKind.COMPLETED):
                assert kinds.count(kind) == 1, kinds
            assert (await bide.get(job)).attempt == 1


class JumpingClock:
    """The wall clock, set back or forward by whoever administers the machine."""

    def __init__(self) -> None:
        self.offset = 0

    def now(self) -> int:
        return SystemClock().now() + self.offset


@covers(Row.CLOCK)
@pytest.mark.parametrize("jump", [-86_400, 86_400], ids=["a day back", "a day forward"])
async def test_a_clock_that_jumps_kills_nobody_and_strands_nothing(jump: int, bide: Bide[None]) -> None:
    clock = JumpingClock()
    began, go_on = asyncio.Event(), asyncio.Event()

    @bide.job(max_attempts=1, timeout="50s")
    async def slow(ctx: JobContext) -> str:
        ctx.progress(10)
        began.set()
        await go_on.wait()
        return "done"

    @bide.job
    async def brief(ctx: JobContext) -> str:
        return "done"

    async with working(bide, lambda: store_at(bide.url, clock)) as worker:
        name = worker.id
        job = await slow.enqueue()
        await began.wait()
        other = store_at(bide.url, clock)
        await other.open()
        upkeep = Upkeep(other, grace=60, age_limit=600, retention=None)
        await upkeep.sweep()
        # More than once: of a time in which nobody looked no more than the grace counts.
        for times in (1, 2, 3):
            clock.offset = times * jump * SECOND
            await upkeep.sweep()
        beat = (await other.workers())[0].beat
        while (await other.workers())[0].beat < beat + 4:  # more than a lease
            await upkeep.sweep()
            await asyncio.sleep(0.05)
        assert EventKind.RESCUED not in await told(bide, job)
        await other.close()
        assert worker.id == name
        # What is due now is due by the clock as it now stands.
        assert (await finished(bide, await brief.enqueue())).status is JobStatus.COMPLETED
        soon = await brief.options(delay="100ms").enqueue()
        assert (await finished(bide, soon)).status is JobStatus.COMPLETED
        go_on.set()
        assert (await finished(bide, job)).status is JobStatus.COMPLETED


@covers(Row.CLOCK)
async def test_what_is_due_waits_for_the_clock_of_the_database(bide: Bide[None]) -> None:
    clock = ManualClock()
    runs: list[str] = []

    @bide.job
    async def later(ctx: JobContext) -> str:
        runs.append("began")
        await ctx.sleep("1h")
        runs.append("woke")
        return "done"

    async with working(bide, lambda: store_at(bide.url, clock)):
        job = await later.options(delay="1h").enqueue()
        clock.advance("59m")
        probe = await later.enqueue()
        await until(bide, probe, EventKind.SLEEPING)
        assert await told(bide, job) == [EventKind.ENQUEUED]
        clock.advance("1m")
        await until(bide, job, EventKind.SLEEPING)
        clock.advance("59m")
        assert (await finished(bide, probe)).result == "done"
        assert (await bide.get(job)).status is JobStatus.PENDING
        clock.advance("1m")
        assert (await finished(bide, job)).result == "done"
        assert (await bide.get(job)).attempt == 1
    assert runs.count("woke") == 2


@covers(Row.TWO_PROCESSES)
async def test_two_apps_on_one_database_see_each_others_jobs_at_once(bide: Bide[None]) -> None:
    reader: Bide[None] = Bide(bide.url)

    @bide.job
    async def asking(ctx: JobContext) -> str:
        return (await ctx.ask("sure", Confirm(summary="?"))).action

    async with bide.worker(), reader:
        later = await asking.options(delay="1h").enqueue()
        assert (await reader.get(later)).status is JobStatus.PENDING
        await bide.cancel(later)
        assert (await reader.get(later)).status is JobStatus.CANCELLED
        await bide.delete(later)
        job = await asking.enqueue()
        assert (await reader.get(job)).id == job.id
        await until(reader, job, EventKind.WAITING)
        (prompt,) = await reader.prompts(job)
        await reader.respond(job, {"action": "proceed"}, prompt=prompt.id)
        assert (await finished(reader, job)).status is JobStatus.COMPLETED
        await bide.delete(job)
        assert await reader.list() == []


@covers(Row.LOST_REPLY, Row.ENQUEUE_TWICE)
async def test_a_claim_whose_reply_was_lost_is_given_back_unspent(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bide = Bide(bide.url, settings=quick(lease=0.6))

    @bide.job(max_attempts=1)
    async def brief(ctx: JobContext) -> str:
        return "done"

    kind: Any = SQLiteStore if is_file(bide.url) else PostgresStore
    claim = kind.settle_and_claim
    lost: list[str] = []

    async def claim_and_lose(*args: Any, **options: Any) -> Any:
        settled, claims = await claim(*args, **options)
        if claims and not lost:
            lost.append(claims[0].id)
            return settled, []
        return settled, claims

    monkeypatch.setattr(kind, "settle_and_claim", claim_and_lose)
    async with bide.worker():
        job = await brief.enqueue()
        done = await finished(bide, job)
        assert lost == [str(job.id)]
        assert (done.status, done.attempt) == (JobStatus.COMPLETED, 1)


class Narrow(sqlite3.Connection):
    """An SQLite whose texts may not be longer than 10 MB: with the usual 1 GB these tests would take a hundred times
    the memory."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)


@covers(Row.PAYLOADS)
async def test_many_large_inputs_are_claimed_a_few_at_a_time(
    bide: Bide[None], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @bide.job
    async def measure(ctx: JobContext, text: str) -> int:
        return len(text)

    async with bide:
        jobs = [await measure.enqueue("x" * 3_000_000) for _ in range(10)]
    async with working(bide, lambda: SQLiteStore(path, synchronous="NORMAL", connect=connecting(Narrow))):
        assert [(await finished(bide, job)).result for job in jobs] == [3_000_000] * 10
    assert "one by one" not in caplog.text


@covers(Row.PAYLOADS)
async def test_what_cannot_be_read_or_written_does_not_stop_the_others(bide: Bide[None], path: Path) -> None:
    bide = Bide(bide.url, settings=quick(lease=0.6))

    @bide.job
    async def unreadable(ctx: JobContext, text: str) -> None: ...

    @bide.job(max_attempts=1)
    async def unwritable(ctx: JobContext) -> str:
        return "x" * 11_000_000

    @bide.job
    async def brief(ctx: JobContext, n: int) -> int:
        return n

    async with bide:
        parked = await unreadable.options(priority=1).enqueue("x" * 11_000_000)
        large = await unwritable.enqueue()
        jobs = await bide.enqueue_many(brief.call(n) for n in range(5))
    async with working(bide, lambda: SQLiteStore(path, synchronous="NORMAL", connect=connecting(Narrow))):
        assert [(await finished(bide, job)).result for job in jobs] == list(range(5))
        failed = await finished(bide, large)
        assert (failed.status, failed.reason) == (JobStatus.FAILED, "error")
        assert failed.error is not None
        assert failed.error.message.startswith("how the job ended could not be written")
        assert (await finished(bide, await brief.enqueue(5))).result == 5
    async with bide:
        assert (await bide.get(parked)).status is JobStatus.PENDING
        async with bide.worker():
            assert (await finished(bide, parked)).attempt == 1
