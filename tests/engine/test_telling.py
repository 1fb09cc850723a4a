"""What a job says is heard: to its last word, and in every attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bide import Bide, Confirm, EventKind, Fail, Job, JobContext, JobStatus, Proceed, Retry, Stage
from bide.progress import Meter
from bide.testing import Harness
from tests.support import finished, quick

QUESTION = Confirm(summary="Go on?")


async def said(bide: Bide[None], job: Job[Any]) -> list[tuple[int, str]]:
    """The messages of a job's log and progress, each with its attempt."""
    return [
        (event.attempt, event.data["message"])
        for event in await bide.history(job)
        if event.kind in {EventKind.LOG, EventKind.PROGRESS}
    ]


async def nothing() -> None: ...


async def test_the_last_line_of_an_async_job_is_written(bide: Bide[None]) -> None:
    @bide.job
    async def brief(ctx: JobContext) -> None:
        ctx.log("done")

    async with Harness(bide) as jobs:
        job = await brief.enqueue()
        await jobs.run_until_idle()
        assert await said(bide, job) == [(1, "done")]


async def test_the_last_line_of_a_job_in_a_thread_is_written(bide: Bide[None]) -> None:
    @bide.job
    def brief(ctx: JobContext) -> None:
        ctx.log("done")

    async with Harness(bide) as jobs:
        job = await brief.enqueue()
        await jobs.run_until_idle()
        assert await said(bide, job) == [(1, "done")]


async def test_a_job_that_remembers_nothing_is_heard_in_its_second_attempt(bide: Bide[None]) -> None:
    @bide.job
    async def twice(ctx: JobContext) -> None:
        ctx.log(f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            raise Retry("once more", after=0)

    async with Harness(bide) as jobs:
        job = await twice.enqueue()
        await jobs.run_until_idle()
        assert await said(bide, job) == [(1, "attempt 1"), (2, "attempt 2")]


async def test_the_tail_after_the_last_remembered_step_is_heard_and_what_was_before_it_is_not(bide: Bide[None]) -> None:
    @bide.job
    async def tail(ctx: JobContext) -> None:
        ctx.log("before")
        await ctx.step(nothing)
        if ctx.attempt == 1:
            raise Retry("once more", after=0)
        ctx.log("after")
        ctx.progress(80, "nearly there")

    async with Harness(bide) as jobs:
        job = await tail.enqueue()
        await jobs.run_until_idle()
        assert await said(bide, job) == [(1, "before"), (2, "after"), (2, "nearly there")]
        assert (await bide.get(job)).progress.percent == 80


def told_by_code(ctx: JobContext, *, fail: bool) -> None:
    ctx.progress(70, "after the answer")
    ctx.log("line after the answer")
    if fail:
        raise Fail("in the end")


@pytest.mark.parametrize("fail", [False, True], ids=["returns", "fails"])
@pytest.mark.parametrize("threaded", [False, True], ids=["async", "def"])
async def test_what_is_said_after_a_step_was_taken_out_of_the_code_is_heard(
    threaded: bool, fail: bool, bide: Bide[None]
) -> None:
    code = "old"

    async def on_the_loop(ctx: JobContext) -> None:
        if code == "old":
            await ctx.step(nothing)
        ctx.progress(30, "before the question")
        ctx.log("line before the question")
        await ctx.ask("go", QUESTION)
        told_by_code(ctx, fail=fail)

    def in_a_thread(ctx: JobContext) -> None:
        if code == "old":
            ctx.run(ctx.step(nothing))
        ctx.progress(30, "before the question")
        ctx.log("line before the question")
        ctx.run(ctx.ask("go", QUESTION))
        told_by_code(ctx, fail=fail)

    work = bide.job(name="work")(in_a_thread) if threaded else bide.job(name="work")(on_the_loop)
    async with Harness(bide) as jobs:
        job = await work.enqueue()
        await jobs.run_until_idle()
        code = "new"
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        ended = await bide.get(job)
        assert ended.status is (JobStatus.FAILED if fail else JobStatus.COMPLETED)
        assert ended.progress.percent == 70
        heard = [text for _, text in await said(bide, job)]
        assert sorted(heard) == sorted(
            ["before the question", "line before the question", "line after the answer", "after the answer"]
        )


async def test_what_is_said_after_a_step_was_taken_out_is_heard_when_new_work_begins(bide: Bide[None]) -> None:
    code = "old"
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def new() -> None:
        begun.set()
        await go_on.wait()

    @bide.job
    async def edited(ctx: JobContext) -> None:
        if code == "old":
            await ctx.step(nothing)
        await ctx.ask("go", QUESTION)
        ctx.log("answered")
        await ctx.step(new)

    async with Harness(bide) as jobs:
        job = await edited.enqueue()
        await jobs.run_until_idle()
        code = "new"
        await jobs.answer(job, "go", Proceed())
        async for event in bide.events(job):
            if event.kind == EventKind.LOG:
                break
        await begun.wait()
        go_on.set()
        await jobs.run_until_idle()
        assert await said(bide, job) == [(1, "answered")]


async def test_what_is_said_while_a_job_is_being_suspended_is_not_written(bide: Bide[None]) -> None:
    @bide.job
    async def tidy(ctx: JobContext) -> None:
        try:
            ctx.progress(30, "asking")
            await ctx.ask("go", QUESTION)
            ctx.progress(40, "answered")
        finally:
            with ctx.stage("End", 90, 100) as stage:
                stage.item(2, 2, "nearly")
            ctx.progress(100, "done")
            ctx.log("tidied up")

    async with Harness(bide) as jobs:
        job = await tidy.enqueue()
        await jobs.run_until_idle()
        shown = (await bide.get(job)).progress
        assert (shown.percent, shown.message) == (30, "asking")
        assert await said(bide, job) == [(1, "asking")]
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        shown = (await bide.get(job)).progress
        assert (shown.percent, shown.message) == (100, "done")
        assert [text for _, text in await said(bide, job)].count("tidied up") == 1


async def test_what_is_said_while_a_worker_gives_a_job_back_is_not_written(tmp_path: Path) -> None:
    bide: Bide[None] = Bide(f"sqlite:///{tmp_path}/jobs.db", settings=quick(drain=0.001))
    begun = asyncio.Event()

    @bide.job
    async def tidy(ctx: JobContext) -> None:
        try:
            ctx.progress(30, "working")
            begun.set()
            await asyncio.Event().wait()
        finally:
            ctx.progress(100, "done")
            ctx.log("tidied up")

    async with bide:
        async with bide.worker():
            job = await tidy.enqueue()
            await begun.wait()
        assert (await bide.get(job)).reason == "released"
        assert await said(bide, job) in ([], [(1, "working")])  # its outcome may have carried the progress
        assert (await bide.get(job)).progress.percent == 30


async def test_the_clean_up_after_a_cancel_is_logged_and_is_no_progress(tmp_path: Path) -> None:
    bide: Bide[None] = Bide(f"sqlite:///{tmp_path}/jobs.db", settings=quick())
    begun = asyncio.Event()

    @bide.job
    async def tidy(ctx: JobContext) -> None:
        try:
            ctx.progress(30, "working")
            begun.set()
            await asyncio.Event().wait()
        finally:
            ctx.progress(100, "done")
            ctx.log("tidied up")

    async with bide.worker():
        job = await tidy.enqueue()
        await begun.wait()
        await bide.cancel(job)
        ended = await finished(bide, job)
        assert ended.status is JobStatus.CANCELLED
        assert ended.progress.percent == 30
        assert (1, "tidied up") in await said(bide, job)


async def test_the_clean_up_after_a_cancel_is_logged_in_a_replay_too(bide: Bide[None]) -> None:
    begun = asyncio.Event()
    runs: list[int] = []

    @bide.job
    async def tidy(ctx: JobContext) -> None:
        runs.append(ctx.attempt)
        if len(runs) == 1:
            await ctx.step(nothing)  # the code of the second run has it no more, so its replay does not end
            await ctx.ask("go", QUESTION)
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ctx.log("tidied up")

    async with Harness(bide) as jobs:
        job = await tidy.enqueue()
        await jobs.run_until_idle()
        begun.clear()
        await jobs.answer(job, "go", Proceed())
        await begun.wait()
        await bide.cancel(job)
        await jobs.run_until_idle()
        assert (await bide.get(job)).status is JobStatus.CANCELLED
        assert (1, "tidied up") in await said(bide, job)


# ── How it is shown ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_nested_stage_fills_its_part_of_the_stage_around_it(bide: Bide[None]) -> None:
    @bide.job
    async def nested(ctx: JobContext, tail: bool) -> None:
        with ctx.stage("Outer", 20, 60), ctx.stage("Inner", 50, 100) as inner:
            inner.item(2, 4, "two of four")
            if tail:
                ctx.progress(1_000)

    async with Harness(bide) as jobs:
        made = [await nested.enqueue(tail) for tail in (False, True)]
        await jobs.run_until_idle()
        within, full = [(await bide.get(job)).progress for job in made]
        assert within.percent == 45  # a quarter of 40–60
        assert within.stages == (Stage(name="Outer"), Stage(name="Inner", item=2, of=4))
        assert within.message == "two of four"
        assert full.percent == 60


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the test's."""

    now = 0.0

    def time(self) -> float:
        return self.now


def on_still_loop(scenario: Callable[[StillLoop, Meter, list[str]], Any]) -> None:
    with closing(StillLoop()) as loop:
        written: list[str] = []
        meter = Meter(loop, written.append, lambda: False, shown=None)
        loop.run_until_complete(scenario(loop, meter, written))


def test_progress_is_written_twice_a_second_and_its_last_value_always() -> None:
    async def turn() -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def scenario(loop: StillLoop, meter: Meter, written: list[str]) -> None:
        for percent in range(50):
            meter.set(percent)
            await turn()
        assert written == ['{"percent":0.0}']  # the first at once, the others wait for its half second
        loop.now += 0.49
        await turn()
        assert len(written) == 1
        loop.now += 0.02
        await turn()
        assert written[1:] == ['{"percent":49.0}']
        loop.now += 10
        await turn()
        assert len(written) == 2  # nothing new
        meter.set(60)
        meter.set(61)
        await turn()
        assert written[2:] == ['{"percent":61.0}']
        meter.set(62)
        assert meter.unwritten() == '{"percent":62.0}'  # for the end of the run
        meter.stop()

    on_still_loop(scenario)
