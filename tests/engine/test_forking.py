"""A job that goes on from what another one recorded."""

from __future__ import annotations

import pytest

from bide import Bide, Confirm, Fail, Job, JobContext, Proceed, Revise, current_step
from bide.errors import Conflict, IdempotencyConflict, InvalidOption, NotFinished, NotFound
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.job_type import JobType
from bide.testing import Harness


class Desk:
    """What happens outside, and whether it works."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.broken = False

    async def draft(self, topic: str) -> str:
        self.done.append("draft")
        return f"About {topic}"

    async def send(self, text: str) -> str:
        self.done.append("send")
        if self.broken:
            raise Fail("the post office is closed")
        return f"sent: {text}"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def letter(bide: Bide[None], desk: Desk) -> JobType[[str], str]:
    @bide.job
    async def letter(ctx: JobContext, topic: str) -> str:
        text = await ctx.step(desk.draft, topic)
        await ctx.sleep("1h")
        match await ctx.ask("check", Confirm(summary=text)):
            case Proceed():
                pass
            case Revise(feedback=feedback):
                text = f"{text}, {feedback}"
        return await ctx.step(desk.send, text)

    return letter


async def to_the_question(jobs: Harness[None], letter: JobType[[str], str]) -> Job[str]:
    job = await letter.options(owner="ana", labels={"project": "p1"}).enqueue("tea")
    await jobs.run_until_idle()
    await jobs.advance("1h")
    await jobs.run_until_idle()
    return job


async def test_a_retry_runs_only_what_had_not_succeeded(
    bide: Bide[None], desk: Desk, letter: JobType[[str], str]
) -> None:
    async with Harness(bide) as jobs:
        desk.broken = True
        job = await to_the_question(jobs, letter)
        with pytest.raises(NotFinished):
            await bide.retry(job)
        await jobs.answer(job, "check", Revise(feedback="shorter"))
        await jobs.run_until_idle()
        failed = await bide.get(job)
        assert (failed.status, desk.done) == (S.FAILED, ["draft", "send"])
        desk.broken = False
        again = await bide.retry(failed, by="ben")
        assert (again.forked_from, again.owner, again.labels) == (failed.id, "ana", {"project": "p1"})
        assert (again.status, again.attempt) == (S.PENDING, 0)
        await jobs.run_until_idle()  # it neither sleeps nor asks again
        assert await jobs.result(again) == "sent: About tea, shorter"
        assert desk.done == ["draft", "send", "send"]
        assert await bide.get(failed) == failed
        first = (await bide.history(again))[0]
        assert first.kind == E.ENQUEUED
        assert (first.data["forked_from"], first.data["by"]) == (str(job.id), "ben")


async def test_a_past_answer_is_edited_by_a_fork_from_just_before_it(
    bide: Bide[None], desk: Desk, letter: JobType[[str], str]
) -> None:
    async with Harness(bide) as jobs:
        job = await to_the_question(jobs, letter)
        await jobs.answer(job, "check", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "sent: About tea"
        (answered,) = [event.seq for event in await bide.history(job) if event.kind == E.PROMPT_ANSWERED]
        edited = await bide.fork(job, after=answered - 1)
        await jobs.run_until_idle()
        assert (await bide.get(edited)).status is S.PENDING_HITL
        await jobs.answer(edited, "check", Revise(feedback="longer"))
        await jobs.run_until_idle()
        assert await jobs.result(edited) == "sent: About tea, longer"
        assert desk.done == ["draft", "send", "send"]


async def test_a_fork_of_a_sleeping_job_sleeps_as_long(
    bide: Bide[None], desk: Desk, letter: JobType[[str], str]
) -> None:
    async with Harness(bide) as jobs:
        job = await letter.enqueue("tea")
        await jobs.run_until_idle()
        await jobs.advance("20m")
        forked = await bide.fork(job, after=(await bide.get(job)).seq)
        await jobs.run_until_idle()
        asleep = await bide.get(forked)
        assert (asleep.reason, asleep.due_at) == ("sleeping", (await bide.get(job)).due_at)
        assert desk.done == ["draft"]
        await jobs.advance("40m")
        await jobs.run_until_idle()
        assert [prompt.key for prompt in await bide.prompts(forked)] == ["check"]


async def test_a_fork_begins_anew_where_nothing_is_kept(
    bide: Bide[None], desk: Desk, letter: JobType[[str], str]
) -> None:
    async with Harness(bide) as jobs:
        job = await letter.enqueue("tea")
        await jobs.run_until_idle()
        await bide.fork(job, after=0)
        await jobs.run_until_idle()
        assert desk.done == ["draft", "draft"]
        with pytest.raises(InvalidOption, match="after"):
            await bide.fork(job, after=-1)
        with pytest.raises(InvalidOption, match="after"):
            await bide.fork(job, after=(await bide.get(job)).seq + 1)


async def test_one_key_is_one_fork(bide: Bide[None], letter: JobType[[str], str]) -> None:
    async with Harness(bide) as jobs:
        job = await bide.cancel(await letter.options(owner="ana", delay="1d").enqueue("tea"))
        again = await bide.retry(job, idempotency_key="again")
        assert (await bide.retry(job, idempotency_key="again", owner="ana")).id == again.id
        for other in (bide.fork(job, after=1, idempotency_key="again"), bide.retry(job, idempotency_key="")):
            with pytest.raises((IdempotencyConflict, InvalidOption)):
                await other
        with pytest.raises(IdempotencyConflict):
            await letter.options(owner="ana", idempotency_key="again").enqueue("tea")
        with pytest.raises(NotFound):
            await bide.retry(job, owner="ben")
        assert (await bide.retry(job)).id != again.id
        await jobs.run_until_idle()


async def test_a_job_of_a_type_that_is_unknown_here_is_forked(bide: Bide[None], letter: JobType[[str], str]) -> None:
    async with bide:
        job = await bide.cancel(await letter.enqueue("tea"))
        stranger: Bide[None] = Bide(bide.url)
        async with stranger:
            forked = await stranger.retry(job.id)
        assert (await bide.get(forked)).type == letter.name
        assert forked == (await bide.get(forked))


async def test_in_a_job_a_fork_belongs_in_a_step(bide: Bide[None], letter: JobType[[str], str]) -> None:
    told: list[str] = []

    async def again(job: str) -> str:
        forked = await bide.retry(job)
        if len(told) == 1:
            told.append("tried")
            raise Conflict("the first try is cut off here")
        assert current_step().attempt == 2
        return str(forked.id)

    @bide.job
    async def mend(ctx: JobContext, job: str) -> str:
        try:
            await bide.retry(job)
        except InvalidOption as refused:
            told.append(refused.message)
        return await ctx.options(max_attempts=2).step(again, job)

    async with Harness(bide) as jobs:
        job = await bide.cancel(await letter.options(delay="1d").enqueue("tea"))
        mending = await mend.enqueue(str(job.id))
        await jobs.run_until_idle()
        await jobs.advance("1h")
        await jobs.run_until_idle()
        assert told[0] == f"Job {job.id} is forked in a job, outside a step: every replay would fork it again."
        forked = [one for one in await bide.list() if one.forked_from == job.id]
        assert [str(one.id) for one in forked] == [await jobs.result(mending)]
