"""What a step writes on a connection of the user's, and what it returned, are committed together or not at all."""

from __future__ import annotations

import asyncio

import pytest

from bide import Bide, EventKind, JobContext, JobStatus, RetryPolicy, StepFailed
from bide.errors import JobFailed, LeaseLost
from bide.testing import Harness
from tests.on.conftest import ONE_EACH
from tests.on.hosts import SQLITE, Host, Place
from tests.support import told, until


async def test_the_users_row_and_the_result_are_committed_together_and_a_replay_repeats_neither(
    bide: Bide[None], place: Place
) -> None:
    calls: list[int] = []

    @bide.job
    async def keep(ctx: JobContext) -> int:
        async with place.connected() as host:

            async def write(n: int) -> int:
                calls.append(n)
                await host.write(n)
                return n

            total = sum([await ctx.options(key=n, on=host.on).step(write, n) for n in (1, 2)])
        await ctx.sleep(0.1)  # unwinds; then all of it runs again
        return total

    async with bide.worker():
        job = await keep.enqueue()
        assert await bide.result(job, timeout="30s") == 3
        assert (await told(bide, job)).count(EventKind.STEP_COMPLETED) == 3  # with that of the sleep
    assert place.notes() == calls == [1, 2]


async def test_a_step_that_fails_is_rolled_back_and_its_failure_remembered(bide: Bide[None], place: Place) -> None:
    @bide.job(max_attempts=1)
    async def fail(ctx: JobContext) -> str:
        async with place.connected() as host:

            async def write() -> None:
                await host.write(1)
                raise ValueError("no")

            with pytest.raises(StepFailed, match="ValueError: no"):
                await ctx.options(on=host.on).step(write)
            # The connection is of use as before.
            await ctx.options(name="other", on=host.on).step(host.write, 2)
        return "caught"

    async with bide.worker():
        job = await fail.enqueue()
        assert await bide.result(job, timeout="30s") == "caught"
        assert EventKind.STEP_FAILED in await told(bide, job)
    assert place.notes() == [2]


async def test_a_result_that_cannot_be_kept_takes_the_users_row_with_it(bide: Bide[None], place: Place) -> None:
    @bide.job(max_attempts=1)
    async def odd(ctx: JobContext) -> None:
        async with place.connected() as host:

            async def write() -> object:
                await host.write(1)
                return object()

            await ctx.options(on=host.on).step(write)

    async with bide.worker():
        with pytest.raises(JobFailed):
            await bide.result(await odd.enqueue(), timeout="30s")
    assert place.notes() == []


async def test_each_try_has_a_transaction_of_its_own(bide: Bide[None], place: Place) -> None:
    tries: list[int] = []
    at_once = RetryPolicy(max_attempts=3, base=0.0, jitter=0.0)

    @bide.job
    async def insist(ctx: JobContext) -> int:
        async with place.connected() as host:

            async def write() -> int:
                tries.append(1)
                await host.write(len(tries))
                if len(tries) < 3:
                    raise ValueError("not yet")
                return len(tries)

            return await ctx.options(on=host.on, retry=at_once).step(write)

    async with bide.worker():
        assert await bide.result(await insist.enqueue(), timeout="30s") == 3
    assert place.notes() == [3]


@pytest.mark.ways(*ONE_EACH)
async def test_what_a_step_emits_is_seen_with_its_result_and_not_of_a_try_that_failed(
    bide: Bide[None], place: Place
) -> None:
    tries: list[int] = []
    at_once = RetryPolicy(max_attempts=2, base=0.0, jitter=0.0)

    @bide.job
    async def speak(ctx: JobContext) -> None:
        async with place.connected() as host:

            async def write() -> None:
                tries.append(1)
                await host.write(len(tries))
                ctx.emit(f"try {len(tries)} ")
                ctx.emit("x" * 100_000)
                if len(tries) == 1:
                    raise ValueError("not yet")

            await ctx.options(on=host.on, retry=at_once).step(write)

    async with bide.worker():
        job = await speak.enqueue()
        await bide.result(job, timeout="30s")
        events = await bide.history(job)
    text = "".join(event.data["text"] for event in events if event.kind == EventKind.OUTPUT)
    assert text == "try 2 " + "x" * 100_000
    kinds = [event.kind for event in events if event.kind in {EventKind.OUTPUT, EventKind.STEP_COMPLETED}]
    assert kinds[-1] == EventKind.STEP_COMPLETED
    assert EventKind.OUTPUT_RESET not in kinds


@pytest.mark.ways(*ONE_EACH)
async def test_a_run_that_is_cancelled_in_its_step_leaves_nothing(bide: Bide[None], place: Place) -> None:
    begun = asyncio.Event()

    @bide.job
    async def hang(ctx: JobContext) -> None:
        async with place.connected() as host:

            async def write() -> None:
                await host.write(1)
                if place.url.startswith("sqlite"):
                    await host.rollback()  # else nobody could write that it is to be cancelled
                begun.set()
                await asyncio.Event().wait()

            await ctx.options(on=host.on).step(write)

    async with bide.worker():
        job = await hang.enqueue()
        await begun.wait()
        await bide.cancel(job)
        await until(bide, job, EventKind.CANCELLED)
    assert place.notes() == []


@pytest.mark.ways(*ONE_EACH[2:])
async def test_a_step_whose_lease_is_lost_meanwhile_is_rolled_back(bide: Bide[None], place: Place) -> None:
    seen: list[str] = []

    @bide.job(max_attempts=2)
    async def lose(ctx: JobContext) -> int:
        async with place.connected() as host:

            async def write() -> int:
                await host.write(ctx.attempt)
                if ctx.attempt == 1:
                    (row,) = await bide.store.get([str(ctx.job_id)], None)
                    await bide.store.overdue({row.id: row.lease})
                return ctx.attempt

            try:
                return await ctx.options(on=host.on).step(write)
            except LeaseLost:
                seen.append("lost")
                raise

    async with bide.worker():
        job = await lose.enqueue()
        assert await bide.result(job, timeout="30s") == 2
    assert seen == ["lost"]
    assert place.notes() == [2]


@pytest.mark.ways(*SQLITE)
async def test_a_crash_at_every_write_leaves_one_effect(place: Place) -> None:
    """The harness has a file of its own: the sessions are on that."""
    bide = Bide(place.url)

    @bide.job
    async def keep(ctx: JobContext, there: str) -> int:
        async with Place(there, place.way).connected() as host:
            for n in (1, 2):
                await ctx.options(key=n, on=host.on).step(_write, host, n)
        return 2

    async with Harness(bide) as jobs:
        there = Place(jobs.url, place.way)
        await there.make_table()
        assert await jobs.crash_everywhere(keep.call(jobs.url)) == 2
        runs = len(await bide.list(limit=200))
        assert runs > 8
        assert there.notes() == [1] * runs + [2] * runs


async def _write(host: Host, n: int) -> None:
    await host.write(n)


@pytest.mark.ways(*ONE_EACH)
async def test_a_job_in_a_thread_has_steps_on_a_connection_too(bide: Bide[None], place: Place) -> None:
    @bide.job
    def keep(ctx: JobContext) -> int:
        return ctx.run(inner(ctx))

    async def inner(ctx: JobContext) -> int:
        async with place.connected() as host:
            return await ctx.options(on=host.on).step(_count, host)

    async with bide.worker():
        job = await keep.enqueue()
        assert await bide.result(job, timeout="30s") == 7
        assert (await bide.get(job)).status is JobStatus.COMPLETED
    assert place.notes() == [7]


async def _count(host: Host) -> int:
    await host.write(7)
    return 7
