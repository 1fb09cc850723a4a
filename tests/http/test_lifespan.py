"""The router opens the app, and its worker, while the server runs: once, whatever else the host does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from bide import Bide, Job, JobContext
from bide.http import Accept, accepting, anyone
from bide.http.runtime import Runtime
from tests.http.server import serving


@pytest.fixture
def bide(tmp_path: Path) -> Bide[None]:
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db")

    @bide.job(expose=True)
    async def add(ctx: JobContext, a: int) -> int:
        return a

    return bide


async def works(address: str, prefix: str) -> bool:
    async with httpx.AsyncClient(base_url=address) as client:
        response = await client.post(
            f"{prefix}/jobs", json={"type": "add", "input": {"a": 1}}, headers={"Prefer": "wait=30"}
        )
        return response.status_code == 200 and response.json()["result"] == 1


async def test_included_twice_it_begins_once(bide: Bide[None]) -> None:
    app = FastAPI()
    router = bide.router(authorize=anyone)
    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/b", include_in_schema=False)
    async with serving(app) as address:
        assert await works(address, "/a")
        assert await works(address, "/b")
        assert len(await bide.store.workers()) == 1


async def test_the_host_s_own_lifespan_is_left_alone(bide: Bide[None]) -> None:
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, str]]:
        told.append("began")
        yield {"own": "state"}
        told.append("ended")

    app = FastAPI(lifespan=lifespan)
    app.include_router(bide.router(authorize=anyone))
    async with serving(app) as address:
        assert told == ["began"]
        assert await works(address, "")
    assert told == ["began", "ended"]


async def test_where_it_is_never_entered_an_error_names_the_remedy(bide: Bide[None]) -> None:
    """As in a mounted app, whose lifespan no server runs."""
    outer, inner = FastAPI(), FastAPI()
    inner.include_router(bide.router(authorize=anyone))
    outer.mount("/sub", inner)
    async with serving(outer) as address, httpx.AsyncClient(base_url=address) as client:
        response = await client.post("/sub/jobs", json={"type": "add", "input": {"a": 1}})
        assert response.status_code == 503
        assert response.json()["code"] == "not_started"
        assert "include bide.router()" in response.json()["hint"]


async def test_behind_a_prefix_that_a_proxy_takes_off_the_addresses_are_right(bide: Bide[None]) -> None:
    app = FastAPI()
    app.include_router(bide.router(authorize=anyone), prefix="/v1")
    async with serving(app, root_path="/behind/a/proxy") as address, httpx.AsyncClient(base_url=address) as client:
        response = await client.post("/v1/jobs", json={"type": "add", "input": {"a": 1}})
        assert response.headers["location"] == f"/behind/a/proxy/v1/jobs/{response.json()['id']}"


async def test_behind_a_proxy_all_that_is_sent_to_go_on_with_leads_back_through_it(bide: Bide[None]) -> None:
    """The addresses of what is made anew and of the host's own endpoint, the next page, and streams."""
    app = FastAPI()
    app.include_router(bide.router(authorize=anyone), prefix="/v1")
    accepts = Depends(accepting(bide))

    @app.post("/sums", status_code=202)
    async def create(a: int, accept: Accept = accepts) -> Job[int]:
        return await accept(await bide.registry.get("add").enqueue(a))

    outside = "/behind/a/proxy"
    async with (
        serving(Proxy(app, outside), root_path=outside) as address,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):
        path = f"{outside}/v1/jobs"
        wait = {"Prefer": "wait=30"}
        first = await client.post(f"{outside}/sums?a=1", headers=wait)
        its = f"{path}/{first.json()['id']}"
        made = [first, *[await client.post(f"{its}/{again}", headers=wait) for again in ("retry", "fork")]]
        for response in made:
            assert response.status_code == 200, response.text
            assert response.headers["location"] == f"{path}/{response.json()['id']}"
            assert (await client.get(response.headers["location"])).json()["result"] == 1
            stream = await client.get(f"{response.headers['location']}/events?after=0")
            assert "event: job.completed" in stream.text
        page = await client.get(f"{path}?limit=2")
        following = page.url.join(page.links["next"]["url"])
        assert following.path == path
        rest = await client.get(following)
        seen = [job["id"] for job in page.json()["items"] + rest.json()["items"]]
        assert sorted(seen) == sorted(response.json()["id"] for response in made)
        assert "next" not in rest.links


class Proxy:
    """Shows an app at `path` alone, and takes that off what it hands on."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # The server has put its own root path before what came.
            assert scope["path"].startswith(self._path * 2), scope["path"]
            scope = {**scope, "path": scope["path"].removeprefix(self._path)}
        await self._app(scope, receive, send)


async def test_two_apps_of_bide_live_side_by_side(bide: Bide[None], tmp_path: Path) -> None:
    other = Bide(f"sqlite:///{tmp_path}/other.db")

    @other.job(expose=True)
    async def add(ctx: JobContext, a: int) -> int:
        return -a

    app = FastAPI()
    app.include_router(bide.router(authorize=anyone, name="one"), prefix="/one")
    app.include_router(other.router(authorize=anyone, name="two"), prefix="/two")
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        for prefix, result in (("/one", 1), ("/two", -1)):
            body = {"type": "add", "input": {"a": 1}}
            response = await client.post(f"{prefix}/jobs", json=body, headers={"Prefer": "wait=30"})
            assert response.json()["result"] == result
            assert response.headers["location"].startswith(f"{prefix}/jobs/")
        operations = (await client.get("/openapi.json")).json()["paths"]
        assert operations["/one/jobs"]["post"]["operationId"] == "one_create_job"


async def test_without_a_worker_jobs_are_accepted_and_wait(bide: Bide[None]) -> None:
    app = FastAPI()
    app.include_router(bide.router(authorize=anyone, worker=False))
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        response = await client.post("/jobs", json={"type": "add", "input": {"a": 1}}, headers={"Prefer": "wait=0"})
        assert response.status_code == 202
        assert await bide.store.workers() == []


async def test_what_it_depends_on_and_cannot_open_keeps_the_server_from_starting(tmp_path: Path) -> None:
    @asynccontextmanager
    async def deps() -> AsyncGenerator[None]:
        if not os.environ.get("BIDE_TEST_MODEL_KEY"):
            raise RuntimeError("no model key")
        yield

    broken = Bide(f"sqlite:///{tmp_path}/jobs.db", deps=deps)
    app = FastAPI()
    app.include_router(broken.router(authorize=anyone))
    lifespan = app.router.lifespan_context(app)
    with pytest.raises(RuntimeError, match="no model key"):
        await lifespan.__aenter__()


async def test_a_worker_that_fails_makes_the_process_unready_and_no_more(
    bide: Bide[None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bide.worker import Worker

    fall = asyncio.Event()

    async def pump(_: Worker) -> None:
        await fall.wait()
        raise RuntimeError("the pump fell")

    monkeypatch.setattr(Worker, "_pump", pump)
    app = FastAPI()
    app.include_router(bide.router(authorize=anyone))
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/ready")).status_code == 200
        fall.set()
        while (ready := await client.get("/ready")).status_code == 200:
            pass
        assert ready.status_code == 503
        assert ready.headers["content-type"] == "application/problem+json"
        assert ready.headers["retry-after"] == "1"
        assert (ready.json()["code"], "its worker has failed" in ready.json()["message"]) == ("unavailable", True)
        assert (await client.get("/health")).status_code == 200
        assert (await client.post("/jobs", json={"type": "add", "input": {"a": 1}})).status_code == 202
    assert "executes no jobs until it is started again" in caplog.text


async def test_a_process_that_is_about_to_end_is_unready_and_answers_on(bide: Bide[None]) -> None:
    app = FastAPI()
    app.include_router(bide.router(authorize=anyone))
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/ready")).status_code == 200
        Runtime.of(bide).stop()
        ready = await client.get("/ready")
        assert ready.status_code == 503
        assert ready.headers["content-type"] == "application/problem+json"
        assert ready.headers["retry-after"] == "1"
        assert (ready.json()["code"], ready.json()["retryable"]) == ("unavailable", True)
        assert (await client.get("/health")).status_code == 200
        assert (await client.post("/jobs", json={"type": "add", "input": {"a": 1}})).status_code == 202


async def test_by_default_only_this_machine_is_let_in(bide: Bide[None]) -> None:
    app = FastAPI()
    app.include_router(bide.router())
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/jobs")).status_code == 200
        for headers in ({"Host": "example.com"}, {"X-Forwarded-For": "10.0.0.1"}, {"Origin": "https://evil.example"}):
            refused = await client.get("/jobs", headers=headers)
            assert refused.status_code == 403
            assert "authorize=" in refused.json()["hint"]


async def test_an_authorize_that_returns_something_else_lets_nobody_in(
    bide: Bide[None], caplog: pytest.LogCaptureFixture
) -> None:
    async def authorize() -> str:
        return "ann"

    app = FastAPI()
    app.include_router(bide.router(authorize=authorize))
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/jobs")).status_code == 500
    assert "authorize= returned str, not a Principal" in caplog.text
