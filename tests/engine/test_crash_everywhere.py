"""`Harness.crash_everywhere`: it really crashes, and says so where a crash changes a result."""

from __future__ import annotations

from uuid import UUID

import pytest

from bide import Bide, JobContext
from bide.testing import Harness
from bide.testing.harness import Unsettled


async def effect() -> None: ...


async def test_the_job_is_crashed_at_its_writes_and_each_time_another_attempt_ends_it(bide: Bide[None]) -> None:
    attempts: list[int] = []

    @bide.job(max_attempts=1)
    async def careful(ctx: JobContext) -> str:
        attempts.append(ctx.attempt)
        await ctx.step(effect)
        return "done"

    async with Harness(bide) as jobs:
        assert await jobs.crash_everywhere(careful.call()) == "done"
        runs = await bide.list()
    # Undisturbed, and before and after each of three writes: the claim, the step's record, and the settle.
    assert len(runs) == 7
    assert {job.attempt for job in runs} == {1, 2}
    assert attempts[0] == 1
    # A second attempt had a first one that ran before the record and after it, and before the settle.
    assert [attempts.count(1), attempts.count(2)] >= [3, 3]


async def test_a_job_whose_result_a_crash_changes_is_refused_with_the_write_that_did_it(bide: Bide[None]) -> None:
    runs: list[UUID] = []

    @bide.job
    async def careless(ctx: JobContext) -> int:
        runs.append(ctx.job_id)
        await ctx.step(effect)
        return runs.count(ctx.job_id)

    async with Harness(bide) as jobs:
        with pytest.raises(Unsettled, match=r"A crash before write \d+, record, changed the result: 2 instead of 1"):
            await jobs.crash_everywhere(careless.call())
