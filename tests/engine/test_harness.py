"""The harness: whose database it uses, what it executes, and what it says where a job goes no further."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bide import Bide, Job, JobContext, JobStatus
from bide.errors import InvalidOption
from bide.testing import Harness, Unsettled, harness

AT_ONCE = 20.0
"""Seconds, of the harness's sixty, within which it says what it knows already; the rest is for a machine under load."""


# ── The database ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_app_that_is_open_is_refused_and_its_database_left_alone(bide: Bide[None], tmp_path: Path) -> None:
    async with bide:
        with pytest.raises(InvalidOption, match=r"open already.*Enter the Harness first"):
            async with Harness(bide):
                pass
        # It was not left either: what had it open has it still.
        assert await bide.list() == []
    async with Harness(bide), bide:
        path: Any = getattr(bide.store, "path", None)
        assert path is None or Path(path).parent != tmp_path


# ── What it executes ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_jobs_of_every_queue_are_executed(bide: Bide[None]) -> None:
    @bide.job
    async def child(ctx: JobContext) -> str:
        return "from a queue that only its caller names"

    async def send() -> Job[str]:
        return await child.options(queue="urgent").enqueue()

    async def outcome(sent: Job[str]) -> str:
        return await bide.result(sent)

    @bide.job(queue="slow")
    async def parent(ctx: JobContext) -> str:
        return await ctx.step(outcome, await ctx.step(send))

    async with Harness(bide) as jobs:
        job = await parent.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "from a queue that only its caller names"
        assert await jobs.crash_everywhere(child.options(queue="rare").call())


async def test_a_worker_that_names_its_queues_leaves_the_others_alone(bide: Bide[None]) -> None:
    @bide.job
    async def nothing(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs, jobs.paused(), bide.worker(queues=["mine"]):
        other, mine = await nothing.enqueue(), await nothing.options(queue="mine").enqueue()
        await bide.result(mine)
        assert (await bide.get(other)).status is JobStatus.PENDING


# ── What goes no further ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_job_of_an_unknown_type_is_named_once_all_others_are_done(bide: Bide[None]) -> None:
    @bide.job
    async def nothing(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs:
        stranger = bide.accept(nothing.call())._replace(type="gone")
        await bide.store.insert([stranger])
        job = await nothing.enqueue()
        async with asyncio.timeout(AT_ONCE):
            with pytest.raises(Unsettled, match=rf"{stranger.id} \(gone\).*import the module"):
                await jobs.run_until_idle()
        await jobs.result(job)


async def test_a_worker_that_breaks_is_told_at_once_with_its_error(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    @bide.job
    async def nothing(ctx: JobContext) -> None: ...

    async def broken(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("planted")

    async with Harness(bide) as jobs:
        monkeypatch.setattr(bide.store, "settle_and_claim", broken)
        await nothing.enqueue()
        async with asyncio.timeout(AT_ONCE):
            with pytest.raises(Unsettled, match="planted") as told:
                await jobs.run_until_idle()
    assert isinstance(told.value.__cause__, RuntimeError)


async def test_jobs_that_do_not_come_to_rest_are_named(bide: Bide[None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "PATIENCE", 0.5)

    @bide.job
    async def endless(ctx: JobContext) -> None:
        await asyncio.Event().wait()

    async with Harness(bide) as jobs:
        job = await endless.enqueue()
        with pytest.raises(Unsettled, match=rf"{job.id} \(endless\) is running"):
            await jobs.run_until_idle()


# ── Crashing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_with_an_idempotency_key_is_crashed_as_any_other(bide: Bide[None]) -> None:
    @bide.job
    async def once(ctx: JobContext, number: int) -> int:
        return number

    keyed = once.options(idempotency_key="k")
    async with Harness(bide) as jobs:
        assert await jobs.crash_everywhere(keyed.call(7)) == 7
        runs = {run.id for run in await bide.list()}
        assert len(runs) > 2  # one for each crash
        # None of them has taken the key away.
        assert (await keyed.enqueue(8)).id not in runs
