"""A job suspends only when nothing else in it runs, in whatever its author wrapped the question (ENGINE 1 to 4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from bide import (
    Bide,
    Confirm,
    Decision,
    EventKind,
    Job,
    JobContext,
    JobStatus,
    Proceed,
    PromptTimedOut,
    Revise,
)
from bide.context import OPEN_PROMPTS
from bide.errors import InvalidResponse, PromptClosed
from bide.testing import Harness
from tests.support import until

Body = Callable[[JobContext, Callable[[], Awaitable[str]]], Awaitable[str]]

QUESTION = Confirm(summary="Go on?")


async def told(ctx: JobContext, key: str = "go") -> str:
    return (await ctx.ask(key, QUESTION)).action


async def plain(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    return await step() + await told(ctx)


async def in_gather(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    left, right = await asyncio.gather(told(ctx), step())
    return right + left


async def in_gather_of_exceptions(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    left, right = await asyncio.gather(told(ctx), step(), return_exceptions=True)
    assert isinstance(left, str)
    assert isinstance(right, str)
    return right + left


async def in_asyncio_wait(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    asked, stepped = asyncio.ensure_future(told(ctx)), asyncio.ensure_future(step())
    await asyncio.wait([asked, stepped])
    return stepped.result() + asked.result()


async def in_task_group(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(told(ctx))
        stepped = group.create_task(_awaited(step()))
    return stepped.result() + asked.result()


async def under_except_star(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    result = "an exception group"
    try:
        result = await in_task_group(ctx, step)
    except* Exception:  # noqa: BLE001 - what careless code does
        pass
    return result


async def in_anyio(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    results: dict[str, str] = {}

    async def keep(name: str, op: Awaitable[str]) -> None:
        results[name] = await op

    async with anyio.create_task_group() as group:
        group.start_soon(keep, "asked", told(ctx))
        group.start_soon(keep, "stepped", step())
    return results["stepped"] + results["asked"]


async def in_anyio_timeout(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    with anyio.fail_after(30):
        return await step() + await told(ctx)


async def in_shielded_scope(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    text = await step()
    with anyio.CancelScope(shield=True):
        text += await told(ctx)
    return text


async def in_timeout(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    async with asyncio.timeout(30):
        return await step() + await told(ctx)


async def in_wait_for(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    return await step() + await asyncio.wait_for(told(ctx), 30)


async def in_shield(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    return await step() + await asyncio.shield(told(ctx))


async def in_context_manager(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    @asynccontextmanager
    async def around() -> AsyncGenerator[str]:
        yield await step()

    async with around() as stepped:
        return stepped + await told(ctx)


async def in_async_generator(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    async def parts() -> AsyncGenerator[str]:
        yield await step()
        yield await told(ctx)

    return "".join([part async for part in parts()])


async def in_finally(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    stepped = ""
    try:
        stepped = await step()
    finally:
        stepped += await told(ctx)
    return stepped


async def before_finally(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    try:
        return await step() + await told(ctx)
    finally:
        # Clean-up that awaits: it runs while the job is being unwound.
        await asyncio.sleep(0)


async def after_yields(ctx: JobContext, step: Callable[[], Awaitable[str]]) -> str:
    async def late() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await step()

    asked, stepped = await asyncio.gather(told(ctx), late())
    return stepped + asked


async def _awaited(op: Awaitable[str]) -> str:
    return await op


SHAPES = [
    plain,
    in_gather,
    in_gather_of_exceptions,
    in_asyncio_wait,
    in_task_group,
    under_except_star,
    in_anyio,
    in_anyio_timeout,
    in_shielded_scope,
    in_timeout,
    in_wait_for,
    in_shield,
    in_context_manager,
    in_async_generator,
    in_finally,
    before_finally,
    after_yields,
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
async def test_a_question_suspends_after_its_sibling_step_and_repeats_nothing(shape: Body, bide: Bide[None]) -> None:
    ran: list[str] = []

    async def paid() -> str:
        # A model call that goes on while the question is being asked.
        for _ in range(20):
            await asyncio.sleep(0.001)
        ran.append("to its end")
        return "paid,"

    @bide.job(name="shaped", max_attempts=1)
    async def shaped(ctx: JobContext) -> str:
        return await shape(ctx, lambda: ctx.step(paid))

    async with Harness(bide) as jobs:
        job = await shaped.enqueue()
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        assert ran == ["to its end"]
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "paid,proceed"
        assert ran == ["to its end"]
        assert (await bide.get(job)).attempt == 1


@pytest.mark.parametrize("way", ["finally", "__aexit__"])
async def test_what_clean_up_asks_of_the_context_waits_until_the_job_goes_on(way: str, bide: Bide[None]) -> None:
    ran: list[str] = []

    async def release() -> str:
        ran.append("released")
        return "released"

    @bide.job(max_attempts=1)
    async def careful(ctx: JobContext) -> str:
        @asynccontextmanager
        async def held() -> AsyncGenerator[None]:
            try:
                yield
            finally:
                await ctx.step(release)

        if way == "__aexit__":
            async with held():
                return await told(ctx)
        try:
            return await told(ctx)
        finally:
            await ctx.step(release)

    async with Harness(bide) as jobs:
        job = await careful.enqueue()
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        assert ran == [], "the job only waits"
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "proceed"
        assert ran == ["released"]


@pytest.mark.parametrize("answer_first", ["left", "right"])
async def test_several_questions_are_open_at_once_and_answered_in_any_order(
    answer_first: str, bide: Bide[None]
) -> None:
    @bide.job
    async def both(ctx: JobContext) -> str:
        return "+".join(await asyncio.gather(told(ctx, "left"), told(ctx, "right")))

    async with Harness(bide) as jobs:
        job = await both.enqueue()
        await jobs.run_until_idle()
        assert {prompt.key for prompt in await bide.prompts(job)} == {"left", "right"}
        await jobs.answer(job, answer_first, Proceed())
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        (other,) = await bide.prompts(job)
        await jobs.answer(job, other.key, Revise(feedback="x"))
        await jobs.run_until_idle()
        expected = "proceed+revise" if answer_first == "left" else "revise+proceed"
        assert await jobs.result(job) == expected


async def swallow_everything(ctx: JobContext) -> str:
    with suppress(BaseException):
        await told(ctx)
    return "went on without an answer"


async def swallow_and_ask_again(ctx: JobContext) -> str:
    for n in range(3):
        with suppress(BaseException):
            await told(ctx, f"go-{n}")
    return "went on"


@pytest.mark.parametrize("at_once", [True, False])
async def test_no_more_questions_are_open_than_people_can_answer(at_once: bool, bide: Bide[None]) -> None:
    @bide.job(max_attempts=1)
    async def asks(ctx: JobContext, count: int) -> list[str]:
        if not at_once:  # some of them are known from before
            await asyncio.gather(*(told(ctx, f"go-{n}") for n in range(count - 1)), return_exceptions=True)
        return list(await asyncio.gather(*(told(ctx, f"go-{n}" if at_once else f"x-{n}") for n in range(count))))

    async with Harness(bide) as jobs:
        fine = await asks.enqueue(OPEN_PROMPTS if at_once else 1)
        many = await asks.enqueue(OPEN_PROMPTS + 1)
        await jobs.run_until_idle()
        assert await state(bide, fine) is JobStatus.PENDING_HITL
        if at_once:
            failed = await bide.get(many)
            assert failed.status is JobStatus.FAILED
            assert failed.error is not None
            assert f"more than {OPEN_PROMPTS}" in failed.error.message
        assert len(await bide.prompts(many)) == (0 if at_once else OPEN_PROMPTS)


@pytest.mark.parametrize("body", [swallow_everything, swallow_and_ask_again], ids=lambda body: body.__name__)
async def test_a_value_returned_after_the_suspension_is_discarded_and_audited(
    body: Callable[[JobContext], Awaitable[str]], bide: Bide[None]
) -> None:
    @bide.job
    async def careless(ctx: JobContext) -> str:
        return await body(ctx)

    async with Harness(bide) as jobs:
        job = await careless.enqueue()
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        waiting = [event for event in await bide.history(job) if event.kind == EventKind.WAITING]
        assert waiting[-1].data["swallowed"] >= 1


async def test_code_that_swallows_every_cancellation_is_abandoned_after_five(bide: Bide[None]) -> None:
    ended = asyncio.Event()

    @bide.job
    async def stubborn(ctx: JobContext) -> str:
        while not ended.is_set():
            with suppress(BaseException):
                await told(ctx)
            with suppress(BaseException):
                await ctx.ask("another", QUESTION)
        return "at last"

    async with Harness(bide) as jobs:
        job = await stubborn.enqueue()
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        waiting = [event for event in await bide.history(job) if event.kind == EventKind.WAITING]
        assert waiting[-1].data["abandoned"] is True
        ended.set()


async def test_an_answer_that_comes_before_the_run_has_ended_is_not_lost(bide: Bide[None]) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        asked.set()
        await go_on.wait()

    @bide.job
    async def both(ctx: JobContext) -> str:
        answer, _ = await asyncio.gather(told(ctx), ctx.step(slow))
        return answer

    async with Harness(bide) as jobs:
        job = await both.enqueue()
        await asked.wait()
        opened = (event async for event in bide.events(job) if event.kind == EventKind.PROMPT_OPENED)
        await anext(opened)
        await opened.aclose()
        await jobs.answer(job, "go", Proceed())
        assert await state(bide, job) is JobStatus.RUNNING
        go_on.set()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "proceed"


async def test_a_question_that_is_not_awaited_any_more_is_withdrawn(bide: Bide[None]) -> None:
    opened, given_up = asyncio.Event(), asyncio.Event()

    @bide.job
    async def impatient(ctx: JobContext) -> str:
        async def ask_briefly() -> None:
            asking = asyncio.ensure_future(told(ctx, "brief"))
            await opened.wait()
            asking.cancel()
            await asyncio.wait([asking])
            given_up.set()

        # While the step runs, the job is not suspended.
        await asyncio.gather(ask_briefly(), ctx.step(given_up.wait))
        return await told(ctx, "kept")

    async with Harness(bide) as jobs:
        job = await impatient.enqueue()
        await until(bide, job, EventKind.PROMPT_OPENED)
        opened.set()
        await jobs.run_until_idle()
        assert [prompt.key for prompt in await bide.prompts(job)] == ["kept"]
        statuses = {prompt.key: prompt.status for prompt in await bide.prompts(job, open_only=False)}
        assert statuses == {"brief": "withdrawn", "kept": "open"}


async def test_a_deadline_resumes_the_job_with_an_exception_to_catch(bide: Bide[None]) -> None:
    @bide.job
    async def patient(ctx: JobContext) -> str:
        try:
            return (await ctx.ask("go", QUESTION, timeout="1h")).action
        except PromptTimedOut:
            return "nobody came"

    async with Harness(bide) as jobs:
        job = await patient.enqueue()
        await jobs.run_until_idle()
        await jobs.advance("59m")
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        await jobs.advance("1m")
        await jobs.run_until_idle()
        assert await jobs.result(job) == "nobody came"


async def test_an_uncaught_deadline_fails_the_job_and_runs_its_clean_up(bide: Bide[None]) -> None:
    cleaned: list[str] = []

    @bide.job
    async def patient(ctx: JobContext) -> str:
        try:
            return (await ctx.ask("go", QUESTION, timeout="1h")).action
        except PromptTimedOut:
            cleaned.append("cleaned")
            raise

    async with Harness(bide) as jobs:
        job = await patient.enqueue()
        await jobs.run_until_idle()
        await jobs.advance("1h")
        await jobs.run_until_idle()
        failed = await bide.get(job)
        assert failed.status is JobStatus.FAILED
        assert failed.error is not None
        assert failed.error.message == "HITL interaction timed out"
        assert cleaned == ["cleaned"]


async def test_a_deadline_with_a_default_resumes_with_it(bide: Bide[None]) -> None:
    @bide.job
    async def patient(ctx: JobContext) -> str:
        default: Decision = Proceed()
        decision = await ctx.ask("go", QUESTION, timeout="1h", default=default)
        return f"{decision.action}, defaulted: {ctx.response('go').defaulted}"

    async with Harness(bide) as jobs:
        job = await patient.enqueue()
        await jobs.run_until_idle()
        await jobs.advance("1h")
        await jobs.run_until_idle()
        assert await jobs.result(job) == "proceed, defaulted: True"


class Payment(BaseModel):
    cents: int


async def test_a_machine_answers_with_what_the_job_waits_for(bide: Bide[None]) -> None:
    @bide.job
    async def sell(ctx: JobContext) -> Payment:
        return await ctx.wait_for("paid", Payment)

    async with Harness(bide) as jobs:
        job = await sell.enqueue()
        await jobs.run_until_idle()
        asked = await jobs.prompt(job, "paid")
        assert (asked.kind, asked.deadline_at) == ("callback", None)
        with pytest.raises(InvalidResponse):
            await bide.respond(job, {"cents": "many"}, prompt=asked.id, by="the bank")
        await bide.respond(job, {"cents": 900}, prompt=asked.id, by="the bank")
        await jobs.run_until_idle()
        assert await jobs.result(job) == Payment(cents=900)


async def test_a_machine_that_does_not_answer_in_time_is_waited_for_no_longer(bide: Bide[None]) -> None:
    @bide.job
    async def sell(ctx: JobContext) -> str:
        try:
            return f"{(await ctx.wait_for('paid', Payment, timeout='1h')).cents}"
        except PromptTimedOut:
            return "not paid"

    async with Harness(bide) as jobs:
        job = await sell.enqueue()
        await jobs.run_until_idle()
        asked = await jobs.prompt(job, "paid")
        await jobs.advance("59m")
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        await jobs.advance("1m")
        with pytest.raises(PromptClosed):
            await bide.respond(job, {"cents": 900}, prompt=asked.id, by="the bank")
        await jobs.run_until_idle()
        assert await jobs.result(job) == "not paid"


async def test_a_def_job_asks_and_sleeps_from_its_thread(bide: Bide[None]) -> None:
    ran: list[str] = []

    def paid(topic: str) -> str:
        ran.append(topic)
        return topic.upper()

    @bide.job
    def threaded(ctx: JobContext, topic: str) -> str:
        try:
            text = ctx.run(ctx.step(paid, topic))
            ctx.run(ctx.sleep("1h"))
            decision = ctx.run(ctx.ask("go", QUESTION))
            return f"{text} {decision.action}"
        except Exception as error:  # noqa: BLE001 - must not see the suspension
            return f"caught {error!r}"

    async with Harness(bide) as jobs:
        job = await threaded.enqueue("tea")
        await jobs.run_until_idle()
        assert (await bide.get(job)).reason == "sleeping"
        await jobs.advance("1h")
        await jobs.run_until_idle()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "TEA proceed"
        assert ran == ["tea"]


async def test_a_def_job_does_several_things_at_once_and_cleans_up(bide: Bide[None]) -> None:
    ran: list[str] = []

    async def paid() -> str:
        ran.append("paid")
        return "paid,"

    async def release() -> None:
        ran.append("released")

    async def both(ctx: JobContext) -> str:
        asked, stepped = await asyncio.gather(told(ctx), ctx.step(paid))
        return stepped + asked

    @bide.job(max_attempts=1)
    def threaded(ctx: JobContext) -> str:
        try:
            return ctx.run(both(ctx))
        finally:
            ctx.run(ctx.step(release))

    async with Harness(bide) as jobs:
        job = await threaded.enqueue()
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        assert ran == ["paid"]
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "paid,proceed"
        assert ran == ["paid", "released"]


async def test_a_def_job_that_swallows_the_suspension_is_discarded_and_audited(bide: Bide[None]) -> None:
    @bide.job
    def threaded(ctx: JobContext) -> str:
        with suppress(BaseException):
            ctx.run(ctx.ask("go", QUESTION))
        with suppress(BaseException):
            ctx.run(ctx.ask("more", QUESTION))
        return "went on"

    async with Harness(bide) as jobs:
        job = await threaded.enqueue()
        await jobs.run_until_idle()
        assert await state(bide, job) is JobStatus.PENDING_HITL
        waiting = [event for event in await bide.history(job) if event.kind == EventKind.WAITING]
        assert waiting[-1].data["swallowed"] >= 1


async def state(bide: Bide[None], job: Job[Any]) -> JobStatus:
    return (await bide.get(job)).status
