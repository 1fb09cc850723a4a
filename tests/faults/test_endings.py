"""Cancelling, deleting and cleaning up beside a run: one of them wins, and everybody is told the truth."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from bide import Bide, Confirm, EventKind, Job, JobCancelled, JobContext, JobStatus, JobWasCancelled
from bide.errors import AlreadyFinished, NotFinished, NotFound
from bide.events import EventKind as E
from tests.faults.rows import Row, covers
from tests.support import finished, holds, quick, told, until

TERMINAL = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


@covers(Row.CANCEL)
async def test_a_job_that_nothing_runs_is_cancelled_at_once(bide: Bide[None]) -> None:
    runs: list[str] = []

    @bide.job
    async def asking(ctx: JobContext) -> str:
        runs.append("asking")
        return (await ctx.ask("sure", Confirm(summary="?"))).action

    @bide.job
    async def napping(ctx: JobContext) -> None:
        runs.append("napping")
        await ctx.sleep("1h")

    async with bide:
        pending = await asking.enqueue()
        gone = await bide.cancel(pending, by="ann", reason="too late")
        assert (gone.status, gone.reason) == (JobStatus.CANCELLED, "too late")
        async with bide.worker():
            waiting, sleeping = await asking.enqueue(), await napping.enqueue()
            delayed = await asking.options(delay="1h").enqueue()
            await until(bide, waiting, EventKind.WAITING)
            await until(bide, sleeping, EventKind.SLEEPING)
            for job in (waiting, sleeping, delayed):
                assert (await bide.cancel(job)).status is JobStatus.CANCELLED
                assert (await told(bide, job))[-1] == EventKind.CANCELLED
                assert EventKind.CANCEL_REQUESTED not in await told(bide, job)
                with pytest.raises(JobWasCancelled):
                    await bide.result(job)
            assert await bide.prompts() == []
    assert sorted(runs) == ["asking", "napping"]


@covers(Row.CANCEL)
async def test_running_async_code_hears_of_a_cancel_at_its_next_await(bide: Bide[None]) -> None:
    cleaned: list[str] = []

    @bide.job
    async def endless(ctx: JobContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    async with bide.worker():
        job = await endless.enqueue()
        await until(bide, job, EventKind.STARTED)
        asked = await bide.cancel(job, by="ann", reason="enough")
        assert (asked.status, asked.cancel_requested_at is not None) == (JobStatus.RUNNING, True)
        done = await finished(bide, job)
        assert (done.status, done.reason) == (JobStatus.CANCELLED, "enough")
        # Asking again changes nothing.
        assert (await bide.cancel(job)).status is JobStatus.CANCELLED
        assert await told(bide, job) == [
            E.ENQUEUED,
            E.STARTED,
            E.CANCEL_REQUESTED,
            E.CANCEL_DELIVERED,
            E.CANCELLED,
        ]
        assert (await bide.history(job))[2].data == {"by": "ann", "reason": "enough"}
    assert cleaned == ["up"]


@covers(Row.CANCEL)
async def test_def_code_hears_of_a_cancel_when_it_asks(bide: Bide[None]) -> None:
    seen: list[str] = []

    @bide.job
    def busy(ctx: JobContext) -> None:
        seen.append("began")
        try:
            while True:
                ctx.check_cancelled()
                time.sleep(0.005)
        except JobCancelled:
            seen.append("cancelled")
            raise

    async with bide.worker():
        job = await busy.enqueue()
        await holds(lambda: bool(seen))
        await bide.cancel(job)
        assert (await finished(bide, job)).status is JobStatus.CANCELLED
        await holds(lambda: seen == ["began", "cancelled"])
        assert (await told(bide, job))[-2:] == [EventKind.CANCEL_DELIVERED, EventKind.CANCELLED]


@covers(Row.CANCEL)
async def test_code_may_look_whether_it_was_told_to_end_and_for_whom_it_runs(bide: Bide[None]) -> None:
    seen: list[object] = []

    @bide.job
    def polite(ctx: JobContext) -> str:
        seen.extend([ctx.owner, ctx.cancelled])
        while not ctx.cancelled:
            time.sleep(0.005)
        seen.append(ctx.cancelled)
        return "left by itself"

    async with bide.worker():
        job = await polite.options(owner="ana").enqueue()
        await holds(lambda: len(seen) == 2)
        await bide.cancel(job)
        # A cancel that was acknowledged is final, whatever the code returns.
        assert (await finished(bide, job)).status is JobStatus.CANCELLED
        await holds(lambda: seen == ["ana", False, True])


@covers(Row.CANCEL)
async def test_a_job_that_only_waits_was_not_told_to_end(bide: Bide[None]) -> None:
    seen: list[bool] = []

    @bide.job
    async def asks(ctx: JobContext) -> None:
        try:
            await ctx.ask("go", Confirm(summary="?"))
        finally:
            seen.append(ctx.cancelled)

    async with bide.worker():
        job = await asks.enqueue()
        await until(bide, job, EventKind.WAITING)
        await holds(lambda: seen == [False])


@covers(Row.CANCEL, Row.SWALLOW)
async def test_code_that_swallows_every_cancel_is_forced_after_five_and_audited(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(cancel_grace=0.02))
    heard: list[int] = []
    leave = asyncio.Event()

    @bide.job
    async def deaf(ctx: JobContext) -> str:
        while not leave.is_set():
            try:
                await leave.wait()
            except asyncio.CancelledError:
                heard.append(len(heard))
        return "never"

    async with bide.worker() as worker:
        job = await deaf.enqueue()
        await until(bide, job, EventKind.STARTED)
        await bide.cancel(job)
        done = await finished(bide, job)
        running, told_so_often = worker.running, len(heard)
        # Let go before anything is asserted: what swallows every cancel would keep a test that fails from ending.
        leave.set()
        assert (done.status, done.result) == (JobStatus.CANCELLED, None)
        assert (running, told_so_often) == (0, 5)
        last = (await bide.history(job))[-1]
        assert last.kind == EventKind.CANCELLED
        assert last.data["swallowed"] == 5
        assert last.data["abandoned"] is True


@covers(Row.CANCEL, Row.SWALLOW)
async def test_a_thread_that_hears_nothing_is_forced_too(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(cancel_grace=0.02, threads=1))
    leave = threading.Event()

    @bide.job
    def deaf(ctx: JobContext) -> str:
        leave.wait()
        return "never"

    @bide.job
    def other(ctx: JobContext) -> str:
        return "free"

    async with bide.worker():
        job = await deaf.enqueue()
        await until(bide, job, EventKind.STARTED)
        await bide.cancel(job)
        done = await finished(bide, job)
        assert done.status is JobStatus.CANCELLED
        assert (await bide.history(job))[-1].data["abandoned"] is True
        # Its slot is free again, though its thread still sits there.
        assert (await finished(bide, await other.enqueue())).result == "free"
        leave.set()


@covers(Row.CANCEL)
async def test_a_value_returned_after_a_cancel_was_delivered_is_not_its_result(bide: Bide[None]) -> None:
    @bide.job
    async def stubborn(ctx: JobContext) -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "done all the same"

    async with bide.worker():
        job = await stubborn.enqueue()
        await until(bide, job, EventKind.STARTED)
        await bide.cancel(job)
        done = await finished(bide, job)
        assert (done.status, done.result) == (JobStatus.CANCELLED, None)
        assert (await bide.history(job))[-1].data["swallowed"] == 1


@covers(Row.CANCEL_RACE)
async def test_of_a_cancel_and_a_completion_one_wins_and_both_are_told(bide: Bide[None]) -> None:
    @bide.job
    async def brief(ctx: JobContext, turns: int) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return "done"

    outcomes: set[JobStatus] = set()
    turns = 1
    async with bide.worker():
        for n in range(150):
            job = await brief.enqueue(n % 5)
            for _ in range(turns):
                await asyncio.sleep(0)
            try:
                asked: Job[Any] | None = await bide.cancel(job)
            except AlreadyFinished:
                asked = None
            done = await finished(bide, job)
            outcomes.add(done.status)
            # Later where the cancel won, earlier where it lost: so most of the tries come close to the moment itself.
            if asked is None:
                assert done.status is JobStatus.COMPLETED
                turns = turns * 2 // 3
            else:
                assert done.status is JobStatus.CANCELLED
                turns += 1 + turns // 2
            kinds = await told(bide, job)
            assert sum(kind in {E.COMPLETED, E.CANCELLED, E.FAILED} for kind in kinds) == 1
    assert outcomes == {JobStatus.COMPLETED, JobStatus.CANCELLED}


@covers(Row.DELETE_RACE)
async def test_what_runs_is_not_deleted_and_what_is_deleted_is_gone_whole(bide: Bide[None]) -> None:
    @bide.job
    async def brief(ctx: JobContext) -> str:
        await ctx.options(name="effect").step(effect)
        return "done"

    async def effect() -> None:
        await asyncio.sleep(0)

    async with bide.worker():
        refused = 0
        for n in range(60):
            job = await brief.enqueue()
            for _ in range(n % 11):
                await asyncio.sleep(0)
            while True:
                try:
                    await bide.delete(job)
                    break
                except NotFinished:
                    refused += 1
                    await asyncio.sleep(0.001)
            with pytest.raises(NotFound):
                await bide.get(job)
            with pytest.raises(NotFound):
                await bide.delete(job)
        assert refused
        assert await bide.store.orphans() == []
        assert await bide.list() == []


@covers(Row.DELETE_RACE)
async def test_a_clean_up_beside_runs_takes_finished_jobs_only(bide: Bide[None]) -> None:
    @bide.job
    async def brief(ctx: JobContext) -> str:
        await asyncio.sleep(0.001)
        return "done"

    @bide.job
    async def asking(ctx: JobContext) -> str:
        return (await ctx.ask("sure", Confirm(summary="?"))).action

    async with bide.worker():
        kept = await asking.enqueue()
        await until(bide, kept, EventKind.WAITING)
        jobs = await bide.enqueue_many(brief.call() for _ in range(200))
        deleted = 0
        async with asyncio.timeout(30):
            while deleted < len(jobs):
                deleted += await bide.cleanup(older_than=0)
        # More than the jobs would mean one was deleted before it ran.
        assert deleted == len(jobs)
        assert [job.id for job in await bide.list()] == [kept.id]
        assert (await bide.get(kept)).status is JobStatus.PENDING_HITL
        assert await bide.store.orphans() == []


@covers(Row.DELETE_RACE)
async def test_what_would_be_cleaned_up_is_what_is(bide: Bide[None]) -> None:
    @bide.job(max_attempts=1)
    async def brief(ctx: JobContext, fails: bool) -> None:
        if fails:
            raise ValueError("on purpose")

    async with bide.worker():
        for fails in (False, True, False):
            await finished(bide, await brief.enqueue(fails))
        waits = await brief.options(delay="1h").enqueue(False)
        for statuses, count in (((JobStatus.FAILED,), 1), ((JobStatus.COMPLETED, JobStatus.CANCELLED), 2)):
            assert await bide.cleanable(older_than="1h", statuses=statuses) == 0
            assert await bide.cleanable(older_than=0, statuses=statuses) == count
            assert await bide.cleanup(older_than="1h", statuses=statuses) == 0
            assert await bide.cleanup(older_than=0, statuses=statuses) == count
        assert [job.id for job in await bide.list()] == [waits.id]
