"""What one principal may ask for, over real requests; who asks for more is told, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import websockets
from fastapi import Depends, FastAPI
from starlette.types import Receive, Scope, Send

from bide import Bide, Job, JobContext
from bide.errors import InvalidOption
from bide.http import Accept, Limits, accepting, anyone
from bide.http.limits import KNOWN, Meter
from bide.http.refusals import TooMany
from bide.http.runtime import Runtime
from bide.http.sse import EventStream
from tests.http.server import client_of, serving
from tests.http.shop import Shop

ANN = {"X-Who": "ann"}


@contextlib.asynccontextmanager
async def limited(tmp_path: Path, limits: Limits) -> AsyncGenerator[tuple[Shop, httpx.AsyncClient]]:
    shop = Shop(tmp_path / "shop.db", limits=limits, worker=False)
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers=ANN, timeout=30) as client,
    ):
        yield shop, client


# ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_burst_requests_come_at_the_rate() -> None:
    now = 100.0
    meter = Meter(Limits(requests=2, burst=2), lambda: now)
    for _ in range(4):
        meter.request("ann")
    with pytest.raises(TooMany) as refused:
        meter.request("ann")
    assert refused.value.retry_after == 1
    meter.request("bob")
    now += 0.5
    meter.request("ann")
    with pytest.raises(TooMany):
        meter.request("ann")
    # However long it was silent, it saves up no more than the burst.
    now += 3_600
    for _ in range(4):
        meter.request("ann")
    with pytest.raises(TooMany):
        meter.request("ann")


def test_the_time_to_wait_is_enough() -> None:
    now = 0.0
    meter = Meter(Limits(requests=0.1, burst=1), lambda: now)
    meter.request("ann")
    with pytest.raises(TooMany) as refused:
        meter.request("ann")
    assert refused.value.retry_after == 10
    now += refused.value.retry_after
    meter.request("ann")


def test_however_many_come_only_so_many_are_remembered_and_who_has_streams_open_is() -> None:
    meter = Meter(Limits(streams=1))
    with meter.stream("ann"):
        for n in range(KNOWN * 2):
            meter.request(f"{n}")
        assert len(meter._buckets) <= KNOWN + 1  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(TooMany):
            meter.room("ann")
    meter.room("ann")


@pytest.mark.parametrize(
    "odd",
    [
        {"body": 0}, {"requests": 0}, {"requests": -1.0}, {"requests": float("nan")}, {"burst": 0}, {"streams": -1},
        {"batch": 0},
    ],
    ids=str,
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(odd))):
        Limits(**odd)


async def test_a_refusal_counts_for_who_asks_and_comes_before_the_database(tmp_path: Path) -> None:
    async with limited(tmp_path, Limits(requests=0.01, burst=200)) as (_, client):
        assert [(await client.get("stats")).status_code for _ in range(3)] == [200, 200, 429]
        paths = {"jobs": 429, "events": 429, "cleanup/stats": 429, "health": 200, "ready": 200}
        for path, status in paths.items():
            answer = await client.get(path)
            assert answer.status_code == status, path
            if status == 429:
                assert 1 <= int(answer.headers["retry-after"]) <= 100
                assert answer.json()["code"] == "too_many_requests"
        assert (await client.get("stats", headers={"X-Who": "bob"})).status_code == 200
        assert (await client.get("stats", headers={"X-Who": "nobody"})).status_code == 401


async def test_each_router_of_an_app_has_limits_of_its_own(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.db", limits=Limits(requests=0.01, burst=200), worker=False)
    shop.app.include_router(shop.bide.router(authorize=anyone, worker=False), prefix="/inside")
    async with serving(shop.app) as address, httpx.AsyncClient(base_url=address, headers=ANN) as client:
        assert [(await client.get("/api/stats")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await client.get("/inside/stats")).status_code == 200
        new = {"type": "add", "input": {"a": 1, "b": 2}}
        assert (await client.post("/api/jobs", json=new)).status_code == 429
        made = await client.post("/inside/jobs", json=new)
        assert made.status_code == 202
        # It is to be read where it was made.
        assert made.headers["location"] == f"/inside/jobs/{made.json()['id']}"


JOB = "jobs/01999f5e-3c1a-7b2d-9a4e-5f6071829304"
"""Nobody's: what is sent is read first."""


class Beyond(NamedTuple):
    """A request that goes one beyond a bound, and the place that its problem names."""

    method: str
    path: str
    where: str
    place: str
    body: Any = None
    headers: Mapping[str, str] | None = None


def new(**more: Any) -> dict[str, Any]:
    return {"type": "add", "input": {"a": 1}, **more}


BEYOND = [
    Beyond("GET", "jobs?limit=201", "query", "limit"),
    Beyond("GET", "jobs?limit=0", "query", "limit"),
    Beyond("GET", "prompts?limit=201", "query", "limit"),
    Beyond("GET", "prompts?limit=0", "query", "limit"),
    Beyond("GET", f"{JOB}/history?limit=1001", "query", "limit"),
    Beyond("GET", f"{JOB}/history?limit=0", "query", "limit"),
    Beyond("POST", f"{JOB}/cancel", "body", "/reason", {"reason": "x" * 1_001}),
    Beyond("POST", "jobs/cancel", "body", "/reason", {"types": ["add"], "reason": "x" * 1_001}),
    Beyond("POST", "jobs", "body", "/type", new(type="x" * 201)),
    Beyond("POST", "jobs", "body", "/owner", new(owner="x" * 101)),
    Beyond("POST", "jobs", "body", "/queue", new(queue="x" * 101)),
    Beyond("POST", "jobs", "body", "/idempotency_key", new(idempotency_key="x" * 256)),
    Beyond("POST", "jobs", "body", "/labels", new(labels={f"l{n}": "x" for n in range(17)})),
    Beyond("POST", "jobs", "body", "/labels", new(labels={"l": "x" * 201})),
    Beyond("POST", "jobs", "header", "Idempotency-Key", new(), {"Idempotency-Key": "x" * 256}),
    Beyond("POST", "jobs/batch", "header", "Idempotency-Key", {"jobs": [new()]}, {"Idempotency-Key": "x" * 241}),
    Beyond("POST", f"{JOB}/retry", "header", "Idempotency-Key", None, {"Idempotency-Key": "x" * 256}),
]


async def test_what_goes_beyond_a_bound_is_refused_with_its_place(tmp_path: Path) -> None:
    async with limited(tmp_path, Limits()) as (shop, client):
        for method, path, where, place, body, headers in BEYOND:
            refused = await client.request(method, path, json=body, headers=headers)
            assert refused.status_code == 422, f"{method} {path} {place}: {refused.text}"
            flaws = [(flaw["where"], flaw["path"]) for flaw in refused.json()["errors"]]
            assert flaws == [(where, place)], f"{method} {path}"
        assert await shop.bide.list() == []
        # And what keeps to it is taken.
        for path in ("jobs?limit=200", "prompts?limit=200"):
            assert (await client.get(path)).status_code == 200
        largest = new(queue="x" * 100, labels={f"l{n}": "x" * 200 for n in range(16)})
        made = await client.post("jobs", json=largest, headers={"Idempotency-Key": "x" * 255})
        assert made.status_code == 202
        path = f"jobs/{made.json()['id']}"
        assert (await client.get(f"{path}/history?limit=1000")).status_code == 200
        assert (await client.post(f"{path}/cancel", json={"reason": "x" * 1_000})).status_code == 200


async def test_nobody_waits_for_longer_than_a_minute_and_is_told_so(tmp_path: Path) -> None:
    async with client_of(Shop(tmp_path / "shop.db").app, who="ann") as client:
        done = await client.post("/api/jobs", json=new(), headers={"Prefer": "wait=600"})
        assert done.status_code == 200
        assert done.headers["preference-applied"] == "wait=60"


async def full(bide: Bide[Any], who: str) -> None:
    """Once this principal may open no further stream."""
    with contextlib.suppress(TooMany):
        while True:
            Runtime.of(bide).gate.meter.room(who)
            await asyncio.sleep(0.01)


# ── Streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_sockets_count_as_streams_and_the_one_that_closes_makes_room(tmp_path: Path) -> None:
    async with limited(tmp_path, Limits(streams=1)) as (shop, client):
        job = await shop.hold.options(owner="ann").enqueue()
        path = f"{client.base_url}jobs/{job.id}/ws".replace("http", "ws", 1)
        async with websockets.connect(path, additional_headers=ANN) as first:
            assert "snapshot" in str(await first.recv())
            assert (await client.get("events")).status_code == 429
            async with websockets.connect(path, additional_headers=ANN) as second:
                assert '"too_many_requests"' in str(await second.recv())
                await second.wait_closed()
                assert second.close_code == 4429
            async with websockets.connect(path, additional_headers={"X-Who": "admin"}) as other:
                assert "snapshot" in str(await other.recv())
        while True:
            async with websockets.connect(path, additional_headers=ANN) as again:
                if "snapshot" in str(await again.recv()):
                    break


async def test_requests_that_wait_count_as_streams(tmp_path: Path) -> None:
    async with limited(tmp_path, Limits(streams=2)) as (shop, client):
        job = await shop.hold.options(owner="ann").enqueue()
        waiting = [asyncio.create_task(client.get(f"jobs/{job.id}?wait=60")) for _ in range(2)]
        await full(shop.bide, "ann")
        refused = await client.get(f"jobs/{job.id}?wait=1")
        assert refused.status_code == 429
        assert (await client.get(f"jobs/{job.id}")).status_code == 200
        await client.post(f"jobs/{job.id}/cancel")
        assert [(await task).json()["status"] for task in waiting] == ["cancelled"] * 2
        assert (await client.get("jobs", params={"limit": 1})).status_code == 200


async def test_many_that_open_at_once_hold_no_more_than_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer begins later than it was allowed."""
    shop = Shop(tmp_path / "shop.db", limits=Limits(streams=2), worker=False)
    allowed = asyncio.Barrier(10)
    begin = EventStream.__call__

    async def late(stream: EventStream, scope: Scope, receive: Receive, send: Send) -> None:
        await allowed.wait()
        await begin(stream, scope, receive, send)

    monkeypatch.setattr(EventStream, "__call__", late)
    async with serving(shop.app) as address:
        job = await shop.hold.options(owner="ann").enqueue()
        seen = answered = 0
        all_answered = asyncio.Event()

        async def follow() -> int:
            nonlocal seen, answered
            async with (
                httpx.AsyncClient(base_url=f"{address}/api", headers=ANN, timeout=10) as client,
                client.stream("GET", f"jobs/{job.id}/events") as answer,
            ):
                answered += 1
                if answered == 10:
                    all_answered.set()
                if answer.status_code == 200:
                    async for text in answer.aiter_text():
                        if "snapshot" in text:
                            seen += 1
                            break
                # Held open until nobody can come too late to find it so.
                await all_answered.wait()
                return answer.status_code

        statuses = await asyncio.gather(*(follow() for _ in range(10)))
        assert seen == 2, statuses


async def test_those_who_wait_at_the_host_s_own_endpoint_wait_for_themselves(tmp_path: Path) -> None:
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db")

    @bide.job
    async def nothing(ctx: JobContext) -> None:
        return None

    app = FastAPI()
    app.include_router(bide.router(limits=Limits(streams=1), worker=False))

    asks: Any = Depends(accepting(bide))

    @app.post("/own/{owner}", status_code=202)
    async def create(owner: str, accept: Accept = asks) -> Job[None]:
        return await accept(await nothing.options(owner=owner).enqueue())

    async with serving(app) as address, httpx.AsyncClient(base_url=address, timeout=30) as client:
        waits = asyncio.create_task(client.post("/own/ann", headers={"Prefer": "wait=60"}))
        await full(bide, "ann")
        (waiting,) = (await client.get("/jobs")).json()["items"]
        served = await client.post("/own/bob", headers={"Prefer": "wait=1"})
        assert served.status_code == 202
        assert served.headers["preference-applied"] == "wait=1"
        await client.post(f"/jobs/{waiting['id']}/cancel")
        assert (await waits).status_code == 200


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_body_that_is_too_long_is_refused_however_it_is_sent(tmp_path: Path) -> None:
    async with limited(tmp_path, Limits(body=1_000)) as (_, client):
        exactly = b'{"type":"add","input":{"a":1}}'.ljust(1_000)
        json = {"Content-Type": "application/json"}

        async def chunks() -> AsyncGenerator[bytes]:
            for _ in range(20):
                yield b" " * 100

        assert (await client.post("jobs", content=exactly, headers=json)).status_code == 202
        for path in ("jobs", "jobs/batch", "jobs/cancel"):
            refused = await client.post(path, content=exactly + b" ", headers=json)
            assert refused.status_code == 413, path
            assert refused.json()["code"] == "too_large"
        assert (await client.post("jobs", content=chunks(), headers=json)).status_code == 413


async def test_a_batch_holds_so_many_and_those_that_are_too_many_are_not_begun(tmp_path: Path) -> None:
    async with limited(tmp_path, Limits(batch=3)) as (_, client):
        jobs = [{"type": "add", "input": {"a": n}} for n in range(4)]
        taken = await client.post("jobs/batch", json={"jobs": jobs[:3]})
        assert [item["status"] for item in taken.json()["items"]] == [202] * 3
        refused = await client.post("jobs/batch", json={"jobs": jobs})
        assert refused.status_code == 413
        assert "at most 3" in refused.json()["detail"]
        assert len((await client.get("jobs")).json()["items"]) == 3
