"""Finished jobs are deleted by the workers themselves, once the retention has passed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from bide import Bide, JobContext
from bide.errors import NotFound
from bide.testing import ManualClock
from tests.support import PATIENCE, finished, quick, store_at, working


async def test_a_worker_deletes_what_finished_before_the_retention_and_nothing_else(tmp_path: Path) -> None:
    clock = ManualClock()
    bide: Bide[None] = Bide(f"sqlite:///{tmp_path}/jobs.db", settings=quick(retention="30d"))

    @bide.job
    async def brief(ctx: JobContext) -> None: ...

    async with working(bide, lambda: store_at(bide.url, clock)):
        old = await finished(bide, await brief.enqueue())
        clock.advance("20d")
        recent = await finished(bide, await brief.enqueue())
        assert {job.id for job in await bide.list()} == {old.id, recent.id}
    clock.advance("20d")
    async with working(bide, lambda: store_at(bide.url, clock)):
        async with asyncio.timeout(PATIENCE):
            while old.id in {job.id for job in await bide.list()}:  # noqa: ASYNC110 - the database is what is asked
                await asyncio.sleep(0.01)
        assert [job.id for job in await bide.list()] == [recent.id]


async def test_what_a_worker_deleted_is_not_served_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bide.upkeep.PRUNE_EVERY", 0.0)
    clock = ManualClock()
    bide: Bide[None] = Bide(f"sqlite:///{tmp_path}/jobs.db", settings=quick(retention="30d", lease=0.3))

    @bide.job
    async def brief(ctx: JobContext) -> None: ...

    async with working(bide, lambda: store_at(bide.url, clock)):
        old = await finished(bide, await brief.enqueue())
        assert await bide.get(old) == old
        clock.advance("31d")
        async with asyncio.timeout(PATIENCE):
            while await bide.list():  # noqa: ASYNC110 - the database is what is asked
                await asyncio.sleep(0.01)
            # Told after the commit, in a moment.
            while await _is_served(bide, old.id):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def _is_served(bide: Bide[None], job: UUID) -> bool:
    try:
        await bide.get(job)
    except NotFound:
        return False
    return True
