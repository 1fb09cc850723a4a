"""What a job says is heard: to its last word, and in every attempt."""

from __future__ import annotations

from bide import Bide, EventKind, Job, JobContext, Retry
from bide.testing import Harness


async def said(bide: Bide[None], job: Job[None]) -> list[tuple[int, str]]:
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
