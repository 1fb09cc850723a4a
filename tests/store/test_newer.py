"""What a newer version of Bide wrote is read by this one as far as it goes, and no list breaks over one row of it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from bide import Bide, Confirm, Job, JobContext, JobStatus, Progress
from bide.errors import Conflict


@pytest.fixture
def bide(path: Path) -> Bide[None]:
    bide = Bide(f"sqlite:///{path}")

    @bide.job
    async def ask(ctx: JobContext) -> str:
        ctx.progress(10)
        return (await ctx.ask("sure", Confirm(summary="?"))).action

    return bide


@pytest_asyncio.fixture
async def two(bide: Bide[None]) -> AsyncIterator[tuple[Job[str], Job[str]]]:
    """One job for what is planted, and one that must not suffer from it."""
    ask = bide.registry.get("ask")
    async with bide:
        yield await ask.enqueue(), await ask.enqueue()


def plant(path: Path, change: str, *parameters: object) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        # The newer version's schema lets it write what this one's refuses.
        db.execute("pragma ignore_check_constraints = on")
        assert db.execute(change, parameters).rowcount == 1


async def test_a_status_that_is_not_known_is_shown_as_it_is(
    bide: Bide[None], path: Path, two: tuple[Job[str], Job[str]]
) -> None:
    odd, sound = two
    plant(path, "update bide_job set status = 'quarantined', reason = 'why', ready = 0 where id = ?", str(odd.id))

    shown = await bide.get(odd)
    assert shown.status == "quarantined"
    assert shown.status not in set(JobStatus)
    assert not shown.status.terminal
    assert shown.reason == "why"
    assert shown.model_dump(mode="json")["status"] == "quarantined"
    assert {job.id: job.status for job in await bide.list()} == {odd.id: "quarantined", sound.id: "pending"}
    assert [job.id for job in await bide.list(statuses=[shown.status])] == [odd.id]
    stats = await bide.stats()
    assert stats.by_status[shown.status] == stats.by_status[JobStatus.PENDING] == 1


async def test_a_job_in_a_status_that_is_not_known_is_left_alone(
    bide: Bide[None], path: Path, two: tuple[Job[str], Job[str]]
) -> None:
    odd, sound = two
    plant(path, "update bide_job set status = 'quarantined' where id = ?", str(odd.id))
    async with bide.worker():
        async for event in bide.events(sound):
            if event.kind == "job.waiting":
                break
    with pytest.raises(Conflict, match="quarantined"):
        await bide.cancel(odd)
    assert (await bide.get(odd)).seq == odd.seq


@pytest.mark.parametrize("error", ['{"nope": 1}', '{"type": "X"}', "7", "not even JSON"])
async def test_an_error_that_cannot_be_read_is_shown_as_it_was_stored(
    bide: Bide[None], path: Path, two: tuple[Job[str], Job[str]], error: str
) -> None:
    odd, sound = two
    plant(path, "update bide_job set error = ? where id = ?", error, str(odd.id))
    shown = {job.id: job.error for job in await bide.list()}
    assert shown[sound.id] is None
    assert (known := shown[odd.id]) is not None
    assert known.message == error


@pytest.mark.parametrize("progress", ['{"percent": "x"}', '{"stages": 3}', "7", "not even JSON"])
async def test_progress_that_cannot_be_read_is_none_and_the_job_goes_on(
    bide: Bide[None], path: Path, two: tuple[Job[str], Job[str]], progress: str
) -> None:
    odd, sound = two
    plant(path, "update bide_job set progress = ?, continues = 1 where id = ?", progress, str(odd.id))
    assert {job.id: job.progress for job in await bide.list()} == {odd.id: Progress(), sound.id: Progress()}
    async with bide.worker():
        async for event in bide.events(odd):
            if event.kind == "job.waiting":
                break
    assert (await bide.get(odd)).progress.percent == 10


async def test_a_question_in_a_status_that_is_not_known_is_shown_as_it_is(
    bide: Bide[None], path: Path, two: tuple[Job[str], Job[str]]
) -> None:
    odd, _ = two
    async with bide.worker():
        for job in two:
            async for event in bide.events(job):
                if event.kind == "job.waiting":
                    break
    plant(path, "update bide_prompt set status = 'delegated' where job = ?", str(odd.id))
    assert sorted(prompt.status for prompt in await bide.prompts(open_only=False)) == ["delegated", "open"]


async def test_an_event_of_a_kind_that_is_not_known_is_shown_as_it_is(
    bide: Bide[None], path: Path, two: tuple[Job[str], Job[str]]
) -> None:
    odd, _ = two
    plant(path, "update bide_event set kind = 'job.quarantined' where job = ?", str(odd.id))
    assert [event.kind for event in await bide.history(odd)] == ["job.quarantined"]
