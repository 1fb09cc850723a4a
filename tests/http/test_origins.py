"""Pages of other sites: a browser sends a user's cookies to whatever host a page names, so what it sends is refused."""

from __future__ import annotations

import urllib.parse
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import websockets
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from websockets.exceptions import InvalidStatus

from bide import Bide, Job, JobContext
from bide.http import Principal, anyone
from bide.http.origin import same_origin
from tests.http.server import serving

FRIEND = "https://app.example.com"


@asynccontextmanager
async def cookied(tmp_path: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, Job[None]]]:
    """A host that knows its users by a cookie, which the browser sends along; and a job that waits for long."""
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db")

    @bide.job(expose=True)
    async def nothing(ctx: JobContext) -> None:
        return None

    async def authorize(connection: HTTPConnection) -> Principal:
        return Principal(connection.cookies["user"])

    app = FastAPI()
    app.include_router(bide.router(authorize=authorize, origins=[FRIEND]))
    async with (
        serving(app) as address,
        httpx.AsyncClient(base_url=address, headers={"Cookie": "user=ann"}, timeout=30) as client,
    ):
        yield client, await nothing.options(owner="ann", delay="1h").enqueue()


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://evil.example", "content-type": FORM},
        {"origin": "https://evil.example", "content-type": "text/plain", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example", "authorization": "Basic YW5uOnBhc3M="},
        {"origin": "null", "content-type": FORM},
        {"origin": "http://127.0.0.1", "sec-fetch-site": "same-site"},
        {"origin": f"{FRIEND}.evil.example"},
        {"origin": "http://[::1"},
        {"origin": "https://evil.example", "sec-fetch-site": "none"},
    ],
)
async def test_a_form_of_another_site_does_nothing_with_a_user_s_cookie(
    tmp_path: Path, headers: Mapping[str, str]
) -> None:
    async with cookied(tmp_path) as (client, job):
        for verb in ("cancel", "retry", "fork"):
            refused = await client.post(f"/jobs/{job.id}/{verb}", headers=dict(headers))
            assert refused.status_code == 403, refused.text
            assert "origins=" in refused.json()["hint"]
        assert (await client.get(f"/jobs/{job.id}")).json()["status"] == "pending"


async def test_its_own_pages_programs_and_pages_that_the_browser_asked_for_are_served(tmp_path: Path) -> None:
    async with cookied(tmp_path) as (client, job):
        foreign = {"origin": "https://spa.example"}
        served: list[dict[str, str]] = [
            {},
            {"origin": str(client.base_url).rstrip("/")},
            {"origin": FRIEND},
            # A proxy has changed `Host`; the browser says that it is the same.
            {"origin": "https://outside.example", "sec-fetch-site": "same-origin"},
            # Without CORS a browser sends none of these for another page.
            {**foreign, "authorization": "Bearer something"},
            {**foreign, "x-api-key": "something"},
        ]
        for headers in served:
            assert (await client.post(f"/jobs/{job.id}/cancel", headers=headers)).status_code == 200, headers
        assert (await client.post(f"/jobs/{job.id}/cancel", json={}, headers=foreign)).status_code == 200


@pytest.mark.parametrize(
    ("origin", "served"),
    [
        (None, True),
        ("http://{host}", True),
        (FRIEND, True),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
        ("http://{host}.evil.example", False),
        ("http://evil.example/{host}", False),
        ("http://evil.example#{host}", False),
        ("file://{host}", False),
        ("http://127.0.0.1", False),
        ("http://[::1", False),
        (f"{FRIEND}.evil.example", False),
        ("http://app.example.com", False),
    ],
)
async def test_a_socket_is_opened_by_pages_of_this_host_and_of_those_named(
    tmp_path: Path, origin: str | None, served: bool
) -> None:
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db")

    @bide.job
    async def nothing(ctx: JobContext) -> None:
        return None

    app = FastAPI()
    app.include_router(bide.router(authorize=anyone, origins=[FRIEND]))
    async with serving(app) as address:
        job = await nothing.options(delay="1h").enqueue()
        given = {} if origin is None else {"Origin": origin.format(host=urllib.parse.urlsplit(address).netloc)}
        path = f"{address}/jobs/{job.id}/ws".replace("http", "ws", 1)
        if served:
            async with websockets.connect(path, additional_headers=given) as socket:
                assert "snapshot" in str(await socket.recv())
            return
        with pytest.raises(InvalidStatus) as refused:
            async with websockets.connect(path, additional_headers=given):
                pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("scheme", "headers", "same"),
    [
        ("ws", [("host", "a.example"), ("origin", "https://a.example")], True),
        ("ws", [("host", "A.example:8000"), ("origin", "http://a.example:8000")], True),
        ("wss", [("host", "a.example"), ("origin", "https://a.example")], True),
        # A page that came unencrypted may be of whoever sits in between.
        ("wss", [("host", "a.example"), ("origin", "http://a.example")], False),
        ("ws", [("host", "a.example"), ("origin", "https://a.example"), ("origin", "https://evil.example")], False),
        ("ws", [("host", "a.example"), ("host", "evil.example"), ("origin", "https://a.example")], False),
        ("ws", [("origin", "null")], False),
        ("ws", [("host", ""), ("origin", "https://")], False),
    ],
)
def test_an_origin_is_the_same_in_scheme_host_and_port(scheme: str, headers: list[tuple[str, str]], same: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert same_origin(HTTPConnection({"type": "websocket", "scheme": scheme, "headers": raw}), ()) is same
