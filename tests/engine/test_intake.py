"""What a caller gets back when a job is accepted."""

from __future__ import annotations

import pytest

from bide import Bide, JobContext
from bide.job_type import JobType


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
