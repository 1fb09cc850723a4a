"""`Limit`: what it takes, what it refuses, and which jobs share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bide import Bide, JobCall, JobContext, JobStatus, Limit
from bide.errors import InvalidOption
from bide.store.base import LaneLimit
from bide.testing import Harness


def lane(call: JobCall[object]) -> str:
    return Bide("sqlite:///never-opened.db").accept(call).lane


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (Limit(concurrency=2), LaneLimit(2, None, 0)),
        (Limit(rate="10/s"), LaneLimit(None, 10, 1_000_000)),
        (Limit(rate="60/m"), LaneLimit(None, 60, 60_000_000)),
        (Limit(concurrency=1, rate="1000/h"), LaneLimit(1, 1000, 3_600_000_000)),
        (Limit(rate="10000/d"), LaneLimit(None, 10_000, 86_400_000_000)),
    ],
)
def test_a_limit_is_read(limit: Limit, expected: LaneLimit) -> None:
    assert limit.lane == expected


@pytest.mark.parametrize(
    "rate",
    ["", "60", "60/", "/m", "0/m", "-1/m", "1.5/s", "60 / m", "60/min", "60/M", "\uff16/m", "1e3/h", "60/10m", " 60/m"],
)
def test_a_rate_that_cannot_be_read_is_refused_with_the_remedy(rate: str) -> None:
    with pytest.raises(InvalidOption, match=r"rate=.* cannot be read. Write how many jobs start"):
        Limit(rate=rate)


@pytest.mark.parametrize("concurrency", [0, -1, 10_001, True, 1.0, "2"])
def test_a_concurrency_that_is_none_is_refused(concurrency: int) -> None:
    with pytest.raises(InvalidOption, match="expected a whole number from 1 to 10,000"):
        Limit(concurrency=concurrency)


def test_a_rate_that_would_take_long_to_count_is_refused() -> None:
    with pytest.raises(InvalidOption, match=r"at most 10,000 in one period.*shorter one"):
        Limit(rate="10001/h")


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidOption, match="limits nothing"):
        Limit(key="tenant")


def test_jobs_with_one_value_of_the_key_share_a_lane() -> None:
    bide = Bide("sqlite:///never-opened.db")

    @bide.job(limit=Limit(concurrency=1, key="tenant"))
    async def render(ctx: JobContext, page: int, tenant: str = "nobody") -> None: ...

    @bide.job(limit=Limit(concurrency=1))
    async def send(ctx: JobContext, to: str) -> None: ...

    @bide.job(limit=Limit(concurrency=1, key="place"))
    async def visit(ctx: JobContext, place: dict[str, int]) -> None: ...

    @bide.job
    async def free(ctx: JobContext) -> None: ...

    assert lane(render.call(1, "ann")) == lane(render.call(2, tenant="ann")) == 'job render("ann")'
    assert lane(render.call(1, "bob")) == 'job render("bob")'
    assert lane(render.call(1)) == lane(render.call_json({"page": 2, "tenant": "nobody"})) == 'job render("nobody")'
    assert lane(send.call("ann")) == lane(send.call("bob")) == "job send()"
    assert lane(visit.call({"x": 1, "y": 2})) == lane(visit.call({"y": 2, "x": 1})) == 'job visit({"x":1,"y":2})'
    assert lane(free.call()) == ""
    long = lane(render.call(1, "a" * 10_000))
    assert len(long) < 100
    assert long != lane(render.call(1, "a" * 10_001))


def test_a_key_names_an_argument() -> None:
    bide = Bide("sqlite:///never-opened.db")

    async def render(ctx: JobContext, page: int, *rest: str, late: object = object()) -> None: ...

    for key in ("tenant", "rest", "ctx", "late"):
        with pytest.raises(InvalidOption, match=rf"The key '{key}' of the limit of 'render' .* Name one of 'page'"):
            bide.job(limit=Limit(concurrency=1, key=key))(render)


def test_the_limit_of_a_queue_has_no_key() -> None:
    with pytest.raises(InvalidOption, match=r"of the queue 'gpu' has a key.*Limit the job type instead"):
        Bide("sqlite:///never-opened.db", limits={"gpu": Limit(concurrency=1, key="tenant")})
    with pytest.raises(InvalidOption, match="limits: queue"):
        Bide("sqlite:///never-opened.db", limits={"": Limit(concurrency=1)})


async def test_a_worker_keeps_the_limits_of_the_app(tmp_path: Path) -> None:
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db", limits={"narrow": Limit(concurrency=2)})
    running = {"narrow": 0, "keyed": 0}
    most = dict(running)

    async def run(ctx: JobContext, what: str) -> None:
        running[what] += 1
        most[what] = max(most[what], running[what])
        for n in range(3):
            await ctx.options(key=n).step(nothing)
        running[what] -= 1

    async def nothing() -> None: ...

    @bide.job(queue="narrow")
    async def narrow(ctx: JobContext) -> None:
        await run(ctx, "narrow")

    @bide.job(limit=Limit(concurrency=3, key="tenant"))
    async def keyed(ctx: JobContext, tenant: str) -> None:
        await run(ctx, "keyed")

    async with bide.worker():
        calls: list[JobCall[None]] = [narrow.call() for _ in range(10)] + [keyed.call("ann") for _ in range(10)]
        for job in await bide.enqueue_many(calls):
            await bide.result(job, timeout=60)
    assert most == {"narrow": 2, "keyed": 3}


async def test_in_a_harness_a_limit_holds_and_a_rate_delays_nothing(tmp_path: Path) -> None:
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db")
    running = most = 0

    @bide.job(limit=Limit(concurrency=1, rate="1/d"))
    async def alone(ctx: JobContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await ctx.step(nothing)
        running -= 1

    async def nothing() -> None: ...

    async with Harness(bide) as jobs:
        accepted = [await alone.enqueue() for _ in range(5)]
        await jobs.run_until_idle()
        assert [(await bide.get(job)).status for job in accepted] == [JobStatus.COMPLETED] * 5
    assert most == 1
