"""The public API as users write it: every line here must pass `mypy --strict` and pyright's strict mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never, assert_type
from uuid import UUID

from pydantic import BaseModel

from bide import (
    Answers,
    Bide,
    Clarify,
    Confirm,
    Decision,
    Event,
    Fail,
    Form,
    Job,
    JobCall,
    JobContext,
    JobFailed,
    JobStatus,
    JobType,
    JobWasCancelled,
    Key,
    Option,
    Preview,
    Proceed,
    Progress,
    Prompt,
    PromptTimedOut,
    PromptView,
    Question,
    Receipt,
    Response,
    Retry,
    RetryPolicy,
    Revise,
    Settings,
    Step,
    StepFailed,
    Validate,
    current_step,
)
from bide.testing import Harness


class Post(BaseModel):
    title: str
    body: str


class Draft(BaseModel):
    text: str


class Payment(BaseModel):
    amount: int


# ── The first program: no dependencies ───────────────────────────────────────────────────────────────────────────────

bide = Bide("sqlite:///jobs.db")
assert_type(bide, Bide[None])


async def draft(topic: str, feedback: str) -> Post:
    return Post(title=topic, body=f"About {topic}. {feedback}")


def count(text: str, *, least: int = 0) -> int:
    return max(least, len(text))


@bide.job(timeout="10m", max_attempts=3)
async def write_post(ctx: JobContext, topic: str) -> Post:
    feedback = ""
    for n in range(3):
        ctx.progress(30 * n, f"Draft {n + 1} of 3")
        post = await ctx.options(key=n).step(draft, topic, feedback)
        assert_type(post, Post)
        match await ctx.ask(f"publish-{n}", Confirm(summary=post.body), timeout="7d"):
            case Proceed():
                return post
            case Revise(feedback=feedback):
                pass
    raise Fail("three drafts refused")


assert_type(write_post.name, str)


@bide.job
async def bare(ctx: JobContext) -> None:
    assert_type(ctx.job_id, UUID)
    assert_type(ctx.attempt, int)
    assert_type(ctx.owner, str)
    assert_type(ctx.cancelled, bool)


@bide.job
def in_a_thread(ctx: JobContext, topic: str, *, feedback: str = "") -> Post:
    ctx.check_cancelled()
    post = ctx.run(ctx.step(draft, topic, feedback))
    assert_type(post, Post)
    decision = ctx.run(ctx.ask("publish", Confirm(summary=post.body)))
    assert_type(decision, Decision)
    return post


@bide.job(
    name="old-name", queue="slow", timeout=timedelta(hours=1), retry=RetryPolicy(max_attempts=5, base=2), version=2
)
def configured(ctx: JobContext, *numbers: int) -> list[int]:
    return sorted(numbers)


@bide.job(forms=[Draft])
async def generic(ctx: JobContext[None], at: datetime, by: UUID | None = None) -> dict[str, tuple[int, ...]]:
    return {str(by): (at.year,)}


# ── Enqueueing ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def enqueueing() -> None:
    assert_type(await write_post.enqueue("tea"), Job[Post])
    assert_type(await write_post.enqueue(topic="tea"), Job[Post])
    assert_type(await bare.enqueue(), Job[None])
    assert_type(await in_a_thread.enqueue("tea", feedback="longer"), Job[Post])
    assert_type(await configured.enqueue(3, 1, 2), Job[list[int]])
    assert_type(await generic.enqueue(datetime.now().astimezone()), Job[dict[str, tuple[int, ...]]])

    urgent = write_post.options(priority=5, delay="10m", owner="ana", idempotency_key="tea-1", queue="fast")
    assert_type(await urgent.enqueue("tea"), Job[Post])
    assert_type(await write_post.options(delay=timedelta(days=1)).enqueue("tea"), Job[Post])
    assert_type(await write_post.options(delay=1.5).enqueue("tea"), Job[Post])

    call = write_post.call("tea")
    assert_type(call, JobCall[Post])
    assert_type(await bide.enqueue(call), Job[Post])
    assert_type(await bide.enqueue_many([write_post.call(topic) for topic in ("tea", "rice")]), Sequence[Job[Post]])
    assert_type(await bide.enqueue_many([in_a_thread.options(priority=1).call("tea")]), Sequence[Job[Post]])


def from_a_script() -> None:
    job = bide.run(write_post.enqueue("tea"))
    assert_type(job, Job[Post])
    assert_type(bide.run(bide.result(job, timeout="1h")), Post)
    bide.close()


def helper(job_type: JobType[[str], Post]) -> JobType[[str], Post]:
    return job_type.options(priority=1)


# ── Steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def call_service(prompt: str) -> str:
    step = current_step()
    assert_type(step, Step)
    assert_type(step.idempotency_key, str)
    assert_type(step.attempt, int)
    step.emit(prompt)
    return prompt


class Client:
    async def fetch(self, n: int) -> bytes:
        return bytes(n)

    def size(self) -> int:
        return 1


@bide.job
async def stepping(ctx: JobContext, text: str) -> int:
    assert_type(await ctx.step(draft, text, feedback=""), Post)
    assert_type(await ctx.step(count, text), int)
    assert_type(await ctx.options(key="least").step(count, text, least=3), int)
    keys: list[Key] = ["text", 7, UUID(int=2)]
    assert_type(await asyncio.gather(*(ctx.options(key=key).step(count, text, least=3) for key in keys)), list[int])
    assert_type(await ctx.options(key=UUID(int=1), max_attempts=3, timeout="30s").step(call_service, text), str)
    assert_type(await ctx.options(retry=RetryPolicy(max_attempts=2), name="called").step(call_service, text), str)
    assert_type(await ctx.options(returns=int).step(Client().size), int)
    assert_type(await ctx.step(Client().fetch, 3), bytes)
    drafts = await asyncio.gather(*(ctx.options(key=n).step(draft, text, "") for n in range(3)))
    assert_type(drafts, list[Post])
    assert_type(await ctx.now(), datetime)
    assert_type(await ctx.uuid("one"), UUID)
    assert_type(await ctx.random(), float)
    await ctx.sleep("2d")
    await ctx.sleep(timedelta(days=2), key="again")
    try:
        await ctx.options(key="failing").step(draft, text, "")
    except StepFailed as failed:
        assert_type(failed.step, str)
        raise Retry("once more", after="5m") from failed
    return 1


@bide.job
async def telling(ctx: JobContext, names: list[str]) -> None:
    ctx.progress(10)
    ctx.log("began", names=len(names))
    with ctx.stage("Reading", 10, 60) as stage:
        for n, name in enumerate(names, start=1):
            stage.item(n, len(names), name)


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def approved(decision: Decision) -> bool:
    match decision:
        case Proceed():
            return True
        case Revise(feedback=feedback):
            assert_type(feedback, str)
            return False
        case _:
            assert_never(decision)


@bide.job
async def asking(ctx: JobContext, text: str) -> Draft:
    assert_type(await ctx.ask("confirm", Confirm(summary=text, path="a/b", confidence=0.9)), Decision)
    assert_type(await ctx.ask("preview", Preview(content=text, highlights=["short"])), Decision)
    assert_type(await ctx.ask("check", Validate(report="1 of 1", passed=True, score=1.0)), Decision)
    assert_type(await ctx.ask("late", Confirm(summary=text), timeout="7d", default=Proceed()), Decision)
    later = timedelta(days=1)
    assert_type(await ctx.ask("who", Confirm(summary=text), timeout=later, assignee="ana"), Decision)

    scope = Question(text="What?", options=[Option(id="all", label="All of it")], allows_multiple=True)
    answers = await ctx.ask("scope", Clarify(scope, "Anything else?", rationale="It is large."))
    assert_type(answers, Answers)
    assert_type(answers.answers, dict[str, str | list[str]])

    edited = await ctx.ask("edit", Form(Draft, title="Your text", initial=Draft(text=text)))
    assert_type(edited, Draft)
    assert_type(await ctx.ask(7, Form(Draft), timeout=60, default=Draft(text="")), Draft)
    assert_type(await ctx.wait_for("paid", Payment, timeout="1h"), Payment)
    prompt: Prompt[Draft] = Form(Draft)
    try:
        assert_type(await ctx.ask("more", prompt, timeout="1d"), Draft)
    except PromptTimedOut as missed:
        assert_type(missed.key, str)
    response = ctx.response("edit")
    assert_type(response, Response)
    assert_type(response.by, str | None)
    return edited


# ── Reading, answering, cancelling ───────────────────────────────────────────────────────────────────────────────────


async def reading(job: Job[Post], id: UUID) -> None:
    assert_type(job.id, UUID)
    assert_type(job.status, JobStatus)
    assert_type(job.result, Post | None)
    assert_type(job.progress, Progress)
    assert_type(await bide.get(job), Job[Post])
    assert_type(await bide.get(id, owner="ana"), Job[Any])
    assert_type(await bide.list(statuses=[JobStatus.FAILED], types=[write_post.name], limit=10), Sequence[Job[Any]])
    assert_type(await bide.history(job), Sequence[Event])
    assert_type(bide.events(job, after=3), AsyncGenerator[Event])
    async for event in bide.events(job):
        assert_type(event, Event)
    try:
        assert_type(await bide.result(job, timeout=30), Post)
    except JobFailed as failed:
        assert_type(failed.job_id, UUID)
    except JobWasCancelled:
        pass

    prompts = await bide.prompts(job)
    assert_type(prompts, Sequence[PromptView])
    assert_type(await bide.show_prompts(id), Sequence[PromptView])
    assert_type(await bide.respond(job, Proceed(), prompt=prompts[0].id, by="ana"), Receipt)
    assert_type(await bide.respond(id, {"action": "cancel"}), Receipt)
    assert_type(await bide.cancel(job, by="ana", reason="twice"), Job[Post])
    assert_type(await bide.cancel(id), Job[Any])
    await bide.delete(job)
    assert_type(await bide.cleanup(older_than="7d", statuses=[JobStatus.CANCELLED]), int)


async def working() -> None:
    async with bide:
        pass
    async with bide.worker(queues=["default", "slow"]) as worker:
        assert_type(worker.running, int)


# ── The second program: dependencies, typed ──────────────────────────────────────────────────────────────────────────


@dataclass
class Deps:
    llm: str


@asynccontextmanager
async def deps() -> AsyncGenerator[Deps]:
    yield Deps("x")


app = Bide("sqlite:///jobs.db", deps=deps, settings=Settings(slots=50, lease=10, retention=None))
assert_type(app, Bide[Deps])


async def write(topic: str, *, tone: str = "dry") -> Draft:
    return Draft(text=topic + tone)


@app.job(timeout="10m", max_attempts=3)
async def article(ctx: JobContext[Deps], topic: str) -> Draft:
    assert_type(ctx.deps, Deps)
    text = await ctx.step(write, topic, tone=ctx.deps.llm)
    for i in range(3):
        text = await ctx.options(key=i).step(write, text.text)
    assert_type(await ctx.ask("review", Form(Draft, initial=text), timeout="7d"), Draft)
    match await ctx.ask("publish", Confirm(summary="Publish?")):
        case Proceed():
            return text
        case Revise(feedback=feedback):
            return Draft(text=feedback)


@app.job
def article_in_a_thread(ctx: JobContext[Deps], topic: str) -> Draft:
    return ctx.run(ctx.step(write, topic, tone=ctx.deps.llm))


@app.job
async def without_deps(ctx: JobContext) -> None:
    """A job that uses none may leave the parameter out, and fits every app."""


async def check_article() -> None:
    async with Harness(app, deps=Deps("fake"), now="2030-01-01T00:00:00Z") as jobs:
        assert_type(jobs, Harness[Deps])
        job = await article.options(owner="ana").enqueue("tea")
        assert_type(job, Job[Draft])
        await jobs.run_until_idle()
        assert_type(await jobs.prompt(job, "review"), PromptView)
        await jobs.answer(job, "review", Draft(text="x"), by="ana")
        await jobs.advance("8d")
        await jobs.advance(timedelta(days=1))
        assert_type(await jobs.result(job), Draft)
        answers = {"review": Draft(text="x"), "publish": Proceed()}
        assert_type(await jobs.crash_everywhere(article.call("tea"), answers=answers), Draft)


def check_in_synchronous_code() -> None:
    with Harness(app) as jobs:
        job = app.run(article.enqueue("tea"))
        app.run(jobs.run_until_idle())
        assert_type(app.run(jobs.result(job)), Draft)
