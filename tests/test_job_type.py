"""How a job is enqueued: the options of a job type."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

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


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((1, "a", None, 2.0), '{"count":1,"to":"a","note":null,"weight":2.0}'),
        ((1, "null", "\\u0000", 0.5), '{"count":1,"to":"null","note":"\\\\u0000","weight":0.5}'),
        ((2**63 - 1, "ü", [1], 1), '{"count":9223372036854775807,"to":"ü","note":[1],"weight":1.0}'),
    ],
)
def test_arguments_are_kept_as_json_by_name(bide: Bide[None], args: tuple[Any, ...], text: str) -> None:
    @bide.job
    async def send(ctx: JobContext, count: int, to: str, note: Any, weight: float) -> None: ...

    assert send.call(*args).input == text


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ((2**63, "a", None, 1.0), "$.count"),
        ((1, "\0", None, 1.0), "$.to"),
        ((1, "\ud800", None, 1.0), "$.to"),
        ((1, "a", math.nan, 1.0), "$.note"),
        ((1, "a", None, math.inf), "$.weight"),
        (("1", "a", None, 1.0), "$.count"),
        ((1, b"a", None, 1.0), "$.to"),
        ((1, "a", {"b": [b"c"]}, 1.0), "$.note.b[0]"),
    ],
)
def test_arguments_that_json_cannot_keep_are_refused_by_name(
    bide: Bide[None], args: tuple[Any, ...], path: str
) -> None:
    @bide.job
    async def send(ctx: JobContext, count: int, to: str, note: Any, weight: float) -> None: ...

    with pytest.raises(InvalidPayload) as refused:
        send.call(*args)
    assert refused.value.path == path
