"""What a caller gets back when a job is accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from bide import Bide, JobContext
from bide.errors import InvalidOption
from bide.job_type import JobType
from bide.testing import Harness


@pytest.fixture
def note(bide: Bide[None]) -> JobType[[str], None]:
    @bide.job(max_attempts=7)
    async def note(ctx: JobContext, text: str) -> None: ...

    return note


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"owner": "ana", "queue": "slow", "priority": -3},
        {"delay": "10m"},
        {"delay": 0.5, "idempotency_key": "k", "owner": "ana"},
        {"labels": {"stage": "draft", "project": "p1"}},
    ],
    ids=str,
)
async def test_an_accepted_job_is_the_job_that_is_read(
    bide: Bide[None], note: JobType[[str], None], options: dict[str, object]
) -> None:
    async with bide:
        enqueuing = note.options(**options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        first, second = await enqueuing.enqueue("a"), await note.enqueue("b")
        assert first == await bide.get(first)
        assert second == await bide.get(second)
        assert type(first) is type(await bide.get(first))
        assert first.model_dump_json() == (await bide.get(first)).model_dump_json()


async def test_the_same_key_gives_the_job_as_it_is_now(bide: Bide[None], note: JobType[[str], None]) -> None:
    async with bide:
        keyed = note.options(idempotency_key="k")
        first = await keyed.enqueue("a")
        await bide.cancel(first)
        assert await keyed.enqueue("a") == await bide.get(first)


async def test_jobs_are_listed_by_label_and_time(bide: Bide[None], note: JobType[[str], None]) -> None:
    begin = datetime(2030, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    async with Harness(bide, now=begin) as jobs:
        first = await note.options(labels={"project": "p1", "stage": "draft"}).enqueue("a")
        await jobs.advance(hour)
        second = await note.options(labels={"project": "p1"}).enqueue("b")
        assert first.labels == {"project": "p1", "stage": "draft"}
        assert [job.id for job in await bide.list(labels={"project": "p1"})] == [second.id, first.id]
        assert [job.id for job in await bide.list(labels={"project": "p1", "stage": "draft"})] == [first.id]
        assert [job.id for job in await bide.list(created_after=begin + hour)] == [second.id]
        elsewhere = (begin + hour).astimezone()
        assert [job.id for job in await bide.list(created_before=elsewhere)] == [first.id]
        with pytest.raises(InvalidOption, match="created_before"):
            await bide.list(created_before=datetime(2030, 1, 1))  # noqa: DTZ001
        with pytest.raises(InvalidOption, match="created_after"):
            await bide.list(created_after=datetime(2030, 1, 1))  # noqa: DTZ001


async def test_labels_are_not_handed_on(bide: Bide[None], note: JobType[[str], None]) -> None:
    @bide.job
    async def parent(ctx: JobContext) -> str:
        async def child() -> str:
            return str((await note.enqueue("a")).id)

        return await ctx.step(child)

    async with Harness(bide) as jobs:
        job = await parent.options(labels={"project": "p1"}).enqueue()
        await jobs.run_until_idle()
        child = await bide.get(UUID(await jobs.result(job)))
        assert child.labels == {}
        assert [job.id for job in await bide.list(labels={"project": "p1"})] == [job.id]
