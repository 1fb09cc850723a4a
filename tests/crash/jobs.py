"""The jobs of the scenario: real ones, executed by a real worker. Their steps tell a file outside of the database."""

from __future__ import annotations

import asyncio
from typing import Any

from bide import (
    Bide,
    Confirm,
    Decision,
    Fail,
    JobContext,
    Limit,
    Proceed,
    PromptTimedOut,
    Retry,
    StepFailed,
    current_step,
)
from tests.witness import Witness

ATTEMPTS = 9
"""More than any job of the scenario needs, though each crash may spend one."""

bide = Bide("sqlite:///scenario.db")
"""Opened on a store of the scenario's own."""


class Scene:
    """What jobs share with the scenario in their process."""

    witness: Witness
    gate: asyncio.Event


scene = Scene()


# ── Steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tell(job: str) -> None:
    step = current_step()
    scene.witness.write("ran", job=job, step=f"{step.name} {step.key}", key=step.idempotency_key)


async def fetch(job: str, what: str) -> dict[str, int]:
    _tell(job)
    return {what: len(what)}


async def broken(job: str) -> None:
    _tell(job)
    raise ValueError("it broke")


def bulky(job: str) -> str:
    """A `def` step, with a result that a claim leaves where it is."""
    _tell(job)
    return "b" * 70_000


async def write(job: str) -> str:
    _tell(job)
    for word in ("in", "the", "beginning"):
        current_step().emit(word)
    return "in the beginning"


async def spawn(job: str) -> str:
    _tell(job)
    child = await small.options(queue="children").enqueue("child")
    return str(child.id)


async def _do(ctx: JobContext[Any], fn: Any, *args: Any) -> Any:
    """Run a step, and tell outside of the database that its result was handed over."""
    job = str(ctx.job_id)
    value = await ctx.step(fn, job, *args)
    scene.witness.write("remembered", job=job, step=f"{fn.__name__} ", value=value)
    return value


# ── Jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@bide.job(max_attempts=ATTEMPTS)
async def small(ctx: JobContext[Any], what: str) -> str:
    return f"{what} done"


@bide.job(max_attempts=ATTEMPTS)
async def article(ctx: JobContext[Any], topic: str) -> str:
    """Steps that succeed, fail and are large; telling; a question; a sleep; a retry; a large result."""
    ctx.progress(5, "begun")
    ctx.log("reading", size=len(topic))
    await _do(ctx, fetch, topic[:10])
    try:
        await ctx.step(broken, str(ctx.job_id))
    except StepFailed as failure:
        ctx.log(f"went on without it: {failure}")
    text = await _do(ctx, bulky)
    decision: Decision = await ctx.ask("outline", Confirm(summary="Shall I write?"))
    assert isinstance(decision, Proceed)
    ctx.progress(50, "writing")
    await _do(ctx, write)
    await ctx.sleep("1h")
    if ctx.attempt == 1:
        raise Retry("once more", after="1m")
    ctx.progress(100, "written")
    return str(text[:5_000])


@bide.job(max_attempts=ATTEMPTS)
async def patient(ctx: JobContext[Any]) -> list[str]:
    """A deadline with a default, and one without: the attempt fails, and the next asks anew."""
    first: Decision = await ctx.ask("defaulted", Confirm(summary="A?"), timeout="1h", default=Proceed())
    try:
        second: Decision = await ctx.ask("insisted", Confirm(summary="B?"), timeout="1h")
    except PromptTimedOut:
        raise Retry("nobody answered", after=0) from None
    return [first.action, second.action]


@bide.job(max_attempts=ATTEMPTS)
async def either(ctx: JobContext[Any]) -> str:
    """Two questions at once, of which one answer is enough."""
    left = asyncio.ensure_future(ctx.ask("left", Confirm(summary="Left?")))
    right = asyncio.ensure_future(ctx.ask("right", Confirm(summary="Right?")))
    await asyncio.wait({left, right}, return_when=asyncio.FIRST_COMPLETED)
    return "left" if left.done() else "right"


@bide.job(max_attempts=ATTEMPTS)
async def nap(ctx: JobContext[Any]) -> str:
    """A question and a sleep at once: time passes, and nobody answers."""
    asked = asyncio.ensure_future(ctx.ask("unheard", Confirm(summary="Anybody?")))
    slept = asyncio.ensure_future(ctx.sleep("2h"))
    await asyncio.wait({asked, slept}, return_when=asyncio.FIRST_COMPLETED)
    return "slept" if slept.done() else "answered"


@bide.job(max_attempts=ATTEMPTS)
async def asking(ctx: JobContext[Any]) -> str:
    """Waits for somebody, who will cancel it."""
    await ctx.ask("really", Confirm(summary="Really?"))
    return "not cancelled"


@bide.job(max_attempts=ATTEMPTS)
async def failing(ctx: JobContext[Any]) -> None:
    raise Fail("it never could")


@bide.job(max_attempts=ATTEMPTS)
async def parent(ctx: JobContext[Any]) -> str:
    """A step that enqueues: however often it runs, there is one child."""
    return str(await _do(ctx, spawn))


@bide.job(max_attempts=ATTEMPTS)
def threaded(ctx: JobContext[Any]) -> dict[str, int]:
    """A `def` job, in a thread of its own."""
    found: dict[str, int] = ctx.run(_do(ctx, fetch, "thread"))
    return found


@bide.job(max_attempts=ATTEMPTS, queue="slow")
async def long(ctx: JobContext[Any]) -> str:
    """Runs until the scenario lets it go on: meanwhile its worker drains, or it is cancelled."""
    await _do(ctx, fetch, "long")
    await scene.gate.wait()
    return "let go"


@bide.job(max_attempts=ATTEMPTS, limit=Limit(concurrency=1, key="whose"))
async def narrow(ctx: JobContext[Any], whose: str) -> str:
    """One of each person's runs at a time: a question makes room for the next one, and so does a retry."""
    await ctx.ask("shall I", Confirm(summary="Shall I?"))
    if ctx.attempt == 1:
        raise Retry("once more", after="1m")
    return f"{whose} served"
