"""A job whose stored values this code cannot read waits for other code, and harms nothing meanwhile (ENGINE 8)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import uuid_utils

from bide import Bide, Confirm, EventKind, JobContext, JobStatus, Proceed
from bide.store.base import NewJob
from bide.testing import Harness

QUESTION = Confirm(summary="Go on?")


async def test_a_job_that_waits_for_other_code_lets_a_step_end_and_keeps_its_questions(bide: Bide[None]) -> None:
    returns: Any = str
    ended: list[str] = []
    refused = asyncio.Event()

    async def make() -> Any:
        return "text"

    async def paid() -> str:
        await refused.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        ended.append("paid")
        return "paid"

    @bide.job
    async def edited(ctx: JobContext) -> str:
        async def made() -> str:
            refused.set()
            return str(await ctx.options(returns=returns).step(make))

        if returns is str and not ended:
            await made()
            await asyncio.gather(ctx.ask("go", QUESTION), ctx.ask("other", QUESTION))
        text, kept, _ = await asyncio.gather(made(), ctx.step(paid), ctx.ask("other", QUESTION))
        return f"{text} {kept}"

    async with Harness(bide) as jobs:
        job = await edited.enqueue()
        await jobs.run_until_idle()
        other = await jobs.prompt(job, "other")
        returns = int
        refused.clear()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert ended == ["paid"]
        assert [prompt.id for prompt in await bide.prompts(job)] == [other.id]
        waiting = await bide.get(job)
        assert (waiting.status, waiting.attempt) == (JobStatus.PENDING_HITL, 1)
        assert waiting.due_at is not None
        returns = str
        await jobs.answer(job, "other", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "text paid"
        assert ended == ["paid"]


async def test_a_question_that_the_code_did_not_come_to_stays_open_for_other_code(bide: Bide[None]) -> None:
    returns: Any = str

    async def make() -> Any:
        return "text"

    @bide.job
    async def edited(ctx: JobContext) -> str:
        text = await ctx.options(returns=returns).step(make)
        await asyncio.gather(ctx.ask("first", QUESTION), ctx.ask("second", QUESTION))
        return str(text)

    async with Harness(bide) as jobs:
        job = await edited.enqueue()
        await jobs.run_until_idle()
        returns = int
        await jobs.answer(job, "first", Proceed())
        await jobs.run_until_idle()
        assert [prompt.key for prompt in await bide.prompts(job)] == ["second"]
        returns = str
        await jobs.answer(job, "second", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "text"


async def test_it_waits_twice_as_long_each_time_up_to_an_hour_and_begins_anew_after_a_run_that_could_read(
    bide: Bide[None],
) -> None:
    returns: Any = str

    async def make() -> Any:
        return "text"

    @bide.job
    async def edited(ctx: JobContext) -> str:
        await ctx.sleep("1s")
        text = await ctx.options(returns=returns).step(make)
        await ctx.ask("go", QUESTION)
        await ctx.options(returns=returns, key="again").step(make)
        await ctx.ask("more", QUESTION)
        return str(text)

    async def waits(jobs: Harness[None]) -> timedelta:
        due_at = (await bide.get(job)).due_at
        assert due_at is not None
        slept = [event for event in await bide.history(job) if event.kind == EventKind.SLEEPING][-1]
        wait = due_at - slept.at
        await jobs.advance(wait)
        await jobs.run_until_idle()
        return wait

    async with Harness(bide) as jobs:
        job = await edited.enqueue()
        await jobs.run_until_idle()
        await jobs.advance("1s")
        await jobs.run_until_idle()
        returns = int
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert [(await waits(jobs)) / timedelta(minutes=1) for _ in range(6)] == [5, 10, 20, 40, 60, 60]
        returns = str
        await waits(jobs)
        assert [prompt.key for prompt in await bide.prompts(job)] == ["more"]
        returns = int
        await jobs.answer(job, "more", Proceed())
        await jobs.run_until_idle()
        assert await waits(jobs) == timedelta(minutes=5)


async def test_a_def_job_whose_arguments_no_longer_fit_waits_at_once(bide: Bide[None]) -> None:
    @bide.job
    def threaded(ctx: JobContext, n: int) -> int:
        return n

    async with Harness(bide) as jobs:
        made = str(uuid_utils.uuid7())
        await bide.store.insert([NewJob(id=made, type="threaded", input='{"m":"another signature"}')])
        await jobs.run_until_idle()
        (job,) = await bide.list()
        assert (job.status, job.attempt) == (JobStatus.PENDING, 1)
        about = (await bide.history(job))[-1].data
        assert "no longer fits" in about["deferred"]
        assert "abandoned" not in about
