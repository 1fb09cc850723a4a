"""How a job is enqueued: the options of a job type."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bide import Bide, JobContext
from bide.errors import InvalidArguments, InvalidOption, InvalidPayload


@pytest.fixture
def bide() -> Bide[None]:
    return Bide("sqlite:///unused.db")


def test_options_add_up(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext, to: str) -> None: ...

    owned = send.options(owner="ana", priority=5, delay="1m", idempotency_key="k", queue="mail")
    call = owned.options(priority=0, delay=timedelta(0)).call("ben")
    assert (call.options.owner, call.options.idempotency_key, call.options.queue) == ("ana", "k", "mail")
    assert (call.options.priority, call.options.delay) == (0, 0.0)
    assert send.call("ben").options.owner is None


def test_a_call_is_checked_when_it_is_made(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext, to: str, times: int = 1) -> None: ...

    with pytest.raises(InvalidArguments, match="missing a required argument: 'to'"):
        send.call()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    with pytest.raises(InvalidPayload, match="times"):
        send.call("ana", times="often")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("priority", [-101, 101, 1.5])
def test_a_priority_is_a_whole_number_within_bounds(bide: Bide[None], priority: int) -> None:
    @bide.job
    async def send(ctx: JobContext) -> None: ...

    with pytest.raises(InvalidOption, match="priority"):
        send.options(priority=priority)
