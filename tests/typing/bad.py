"""Mistakes that a type checker must see. Each marked line has just the errors that it names, and no other has any.

Two mistakes neither checker can see, so they are not here: `bool(decision)`, which raises when it runs, and
`Form(Draft, initial=Note(…))` where nothing says which of the two the answer shall be.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import assert_never

from pydantic import BaseModel

from bide import Bide, Clarify, Confirm, Decision, Form, Job, JobContext, JobType, Prompt, Proceed, Retry, Revise
from bide.testing import Harness


class Draft(BaseModel):
    text: str


class Note(BaseModel):
    text: str


@dataclass
class Deps:
    llm: str


@asynccontextmanager
async def deps() -> AsyncGenerator[Deps]:
    yield Deps("x")


bide = Bide("sqlite:///jobs.db", deps=deps)
plain = Bide("sqlite:///jobs.db")


async def write(topic: str, *, tone: str = "dry") -> Draft:
    return Draft(text=topic + tone)


def count(text: str) -> int:
    return len(text)


@bide.job
async def article(ctx: JobContext[Deps], topic: str, words: int = 100) -> Draft:
    return Draft(text=topic)


@bide.job(timeout="10m")
def shout(ctx: JobContext[Deps], topic: str) -> str:
    return topic.upper()


# ── Enqueueing ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def enqueueing() -> None:
    await article.enqueue(3)  # E mypy: arg-type  # E pyright: reportArgumentType
    await article.enqueue()  # E mypy: call-arg  # E pyright: reportCallIssue
    await article.enqueue("tea", 100, "more")  # E mypy: call-arg  # E pyright: reportCallIssue
    await article.enqueue("tea", word=100)  # E mypy: call-arg  # E pyright: reportCallIssue
    await article.enqueue("tea", words="many")  # E mypy: arg-type  # E pyright: reportArgumentType
    await article.enqueue("tea", priority=5)  # E mypy: call-arg  # E pyright: reportCallIssue
    await article.options(priorty=5).enqueue("tea")  # E mypy: call-arg  # E pyright: reportCallIssue, reportUnknownMemberType
    await article.options(priority="high").enqueue("tea")  # E mypy: arg-type  # E pyright: reportArgumentType
    await article.options(delay=[1]).enqueue("tea")  # E mypy: arg-type  # E pyright: reportArgumentType
    await article("tea")  # E mypy: operator  # E pyright: reportCallIssue
    article.enqueue("tea")  # E mypy: unused-coroutine  # E pyright: reportUnusedCoroutine
    await shout.enqueue(topic=b"tea")  # E mypy: arg-type  # E pyright: reportArgumentType
    await bide.enqueue(shout)  # E mypy: arg-type  # E pyright: reportArgumentType
    await bide.enqueue_many([article.call()])  # E mypy: call-arg  # E pyright: reportCallIssue, reportUnknownArgumentType
    await bide.enqueue_many([article.enqueue("tea")])  # E mypy: arg-type  # E pyright: reportArgumentType


# ── Results ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def results() -> None:
    job: Job[str] = await article.enqueue("tea")  # E mypy: assignment  # E pyright: reportAssignmentType, reportUnusedVariable
    text: str = await bide.result(await article.enqueue("tea"))  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable
    same: Note = await bide.result(await article.enqueue("tea"))  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable
    wrong: JobType[[int], Draft] = article  # E mypy: assignment  # E pyright: reportAssignmentType, reportUnusedVariable
    found = await bide.get(await shout.enqueue("tea"))
    length: int = found.result  # E mypy: assignment  # E pyright: reportAssignmentType, reportUnusedVariable
    found.result.upper()  # E mypy: union-attr  # E pyright: reportOptionalMemberAccess
    found.result = "TEA"  # E mypy: misc  # E pyright: reportAttributeAccessIssue
    ended: Job[Draft] = await bide.cancel(found)  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable
    await bide.result("0197c1f2")  # E mypy: arg-type  # E pyright: reportArgumentType
    await bide.list(statuses=["failed"])  # E mypy: list-item  # E pyright: reportArgumentType
    await bide.respond(found, "yes")  # E mypy: arg-type  # E pyright: reportArgumentType
    async for event in bide.history(found):  # E mypy: attr-defined  # E pyright: reportGeneralTypeIssues, reportUnknownVariableType, reportUnusedVariable
        pass


# ── Jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@bide.job  # E mypy: arg-type  # E pyright: reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator
async def no_context(topic: str) -> None: ...


@bide.job  # E mypy: arg-type  # E pyright: reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator
async def wrong_deps(ctx: JobContext[str]) -> None: ...


@plain.job  # E mypy: arg-type  # E pyright: reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator
async def no_deps(ctx: JobContext[Deps]) -> None: ...


@bide.job(timout="10m")  # E mypy: call-overload, untyped-decorator  # E pyright: reportCallIssue, reportUntypedFunctionDecorator
async def misspelt(ctx: JobContext[Deps]) -> None: ...


@bide.job
async def using(ctx: JobContext[Deps]) -> None:
    ctx.deps.model  # E mypy: attr-defined  # E pyright: reportAttributeAccessIssue, reportUnknownMemberType
    ctx.deps = Deps("y")  # E mypy: misc  # E pyright: reportAttributeAccessIssue
    ctx.progress("30 %")  # E mypy: arg-type  # E pyright: reportArgumentType
    ctx.progress(30, percent=40)  # E mypy: misc  # E pyright: reportCallIssue
    await ctx.progress(30)  # E mypy: func-returns-value, misc  # E pyright: reportGeneralTypeIssues
    await ctx.sleep(None)  # E mypy: arg-type  # E pyright: reportArgumentType
    ctx.stage("Reading", 0, 50).item(1, 2)  # E mypy: attr-defined  # E pyright: reportAttributeAccessIssue, reportUnknownMemberType


@bide.job
async def untyped_deps(ctx: JobContext) -> str:
    return ctx.deps.llm  # E mypy: attr-defined, no-any-return  # E pyright: reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType


# ── Steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@bide.job
async def stepping(ctx: JobContext[Deps]) -> None:
    await ctx.step(write)  # E mypy: call-overload  # E pyright: reportCallIssue
    await ctx.step(write, 3)  # E mypy: call-overload  # E pyright: reportArgumentType, reportCallIssue
    await ctx.step(write, "tea", "warm")  # E mypy: call-overload  # E pyright: reportCallIssue
    await ctx.step(write, "tea", tune="warm")  # E mypy: call-arg  # E pyright: reportCallIssue
    await ctx.step(count, 3)  # E mypy: call-overload  # E pyright: reportArgumentType, reportCallIssue
    await ctx.step(write("tea"))  # E mypy: call-overload  # E pyright: reportArgumentType, reportCallIssue
    await ctx.step(write, "tea", key=1)  # E mypy: call-arg  # E pyright: reportCallIssue
    await ctx.options(kee=1).step(write, "tea")  # E mypy: call-arg  # E pyright: reportCallIssue, reportUnknownMemberType
    await ctx.options(key=1.5).step(write, "tea")  # E mypy: arg-type  # E pyright: reportArgumentType
    note: Note = await ctx.step(write, "tea")  # E mypy: call-overload  # E pyright: reportAssignmentType, reportUnusedVariable
    number: str = await ctx.step(count, "tea")  # E mypy: call-overload  # E pyright: reportAssignmentType, reportUnusedVariable
    ctx.step(write, "tea")  # E mypy: unused-coroutine  # E pyright: reportUnusedCoroutine
    raise Retry(later="5m")  # E mypy: call-arg  # E pyright: reportCallIssue


@bide.job
def in_a_thread(ctx: JobContext[Deps]) -> str:
    ctx.run(ctx.step)  # E mypy: arg-type  # E pyright: reportArgumentType
    return ctx.run(ctx.step(count, "tea"))  # E mypy: return-value  # E pyright: reportReturnType


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


@bide.job
async def asking(ctx: JobContext[Deps]) -> None:
    await ctx.ask("publish", "Publish?")  # E mypy: arg-type  # E pyright: reportArgumentType
    await ctx.ask("publish", Draft(text=""))  # E mypy: arg-type  # E pyright: reportArgumentType
    await ctx.ask("publish", Confirm)  # E mypy: arg-type  # E pyright: reportArgumentType
    await ctx.ask(Confirm(summary="Publish?"))  # E mypy: arg-type, call-arg  # E pyright: reportCallIssue
    await ctx.ask("publish", Confirm("Publish?"))  # E mypy: call-arg  # E pyright: reportCallIssue
    await ctx.ask("publish", Confirm(summary=3))  # E mypy: arg-type  # E pyright: reportArgumentType
    await ctx.ask("publish", Confirm(summary="Publish?"), timeout="1d", default=True)  # E mypy: misc  # E pyright: reportArgumentType
    await ctx.ask("publish", Confirm(summary="Publish?"), timeout="1d", default="proceed")  # E mypy: misc  # E pyright: reportArgumentType
    await ctx.ask("edit", Form(Draft), timeout="1d", default=Note(text=""))  # E mypy: misc  # E pyright: reportArgumentType
    draft: Draft = await ctx.ask("edit", Form(Draft, initial=Note(text="")))  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable
    await ctx.ask("edit", Form(str))  # E mypy: type-var  # E pyright: reportArgumentType, reportUnknownArgumentType
    await ctx.ask("scope", Clarify("What?"), timeout="1d", default=Proceed())  # E mypy: misc  # E pyright: reportArgumentType
    await ctx.wait_for("paid", int)  # E mypy: type-var  # E pyright: reportArgumentType
    note: Note = await ctx.ask("edit", Form(Draft))  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable
    answers: Decision = await ctx.ask("scope", Clarify("What?"))  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable
    wide: Prompt[Draft | None] = Form(Draft)  # E mypy: assignment  # E pyright: reportAssignmentType, reportUnusedVariable


# What mypy shows of a decision in a condition is that the code behind it cannot be reached (`warn_unreachable`). To one in
# an expression (`"yes" if decision else "no"`, `more and not decision`) it says nothing, and pyright does.


def in_a_condition(decision: Decision) -> None:
    if decision: print("published")  # E mypy: unreachable  # E pyright: reportGeneralTypeIssues


def negated(decision: Decision) -> None:
    if not decision: print("refused")  # E mypy: unreachable  # E pyright: reportGeneralTypeIssues


def compared(decision: Decision) -> bool:
    return decision == "proceed"  # E mypy: comparison-overlap  # E pyright: reportUnnecessaryComparison


def feedback_of_either(decision: Decision) -> str:
    return decision.feedback  # E mypy: union-attr  # E pyright: reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType


def refused_is_missing(decision: Decision) -> str:
    match decision:
        case Proceed():
            return "yes"
        case _:
            assert_never(decision)  # E mypy: arg-type  # E pyright: reportArgumentType


def proceed_is_missing(decision: Decision) -> None:
    match decision:  # E mypy: exhaustive-match  # E pyright: reportMatchNotExhaustive
        case Revise():
            print("no")


# ── Tests ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def checking() -> None:
    Harness(bide, deps="nope")  # E mypy: misc  # E pyright: reportArgumentType
    Harness(plain, deps=Deps("fake"))  # E mypy: misc  # E pyright: reportArgumentType
    Harness(article)  # E mypy: arg-type  # E pyright: reportArgumentType
    async with Harness(bide, deps=Deps("fake")) as jobs:
        job = await article.enqueue("tea")
        await jobs.answer(job, "review", "yes")  # E mypy: arg-type  # E pyright: reportArgumentType
        await jobs.answer(job, Draft(text=""))  # E mypy: arg-type, call-arg  # E pyright: reportCallIssue
        await jobs.advance(None)  # E mypy: arg-type  # E pyright: reportArgumentType
        text: str = await jobs.result(job)  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable
        await jobs.crash_everywhere(article, answers={})  # E mypy: arg-type  # E pyright: reportArgumentType
        await jobs.crash_everywhere(article.call("tea"), answers={"review": "yes"})  # E mypy: dict-item  # E pyright: reportArgumentType
        same: Note = await jobs.crash_everywhere(article.call("tea"))  # E mypy: arg-type  # E pyright: reportAssignmentType, reportUnusedVariable


# ── Apps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

Bide("sqlite:///jobs.db", deps=Deps("x"))  # E mypy: call-overload  # E pyright: reportArgumentType
Bide("sqlite:///jobs.db", deps=deps())  # E mypy: arg-type  # E pyright: reportArgumentType
Bide()  # E mypy: call-overload  # E pyright: reportCallIssue
bide.run(article)  # E mypy: arg-type  # E pyright: reportArgumentType
bide.run(article.enqueue)  # E mypy: arg-type  # E pyright: reportArgumentType
