"""Readers that take nothing: what they hold is bounded, they count until they have gone, and nobody notices."""

from __future__ import annotations

import asyncio
import logging
import socket
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import uvicorn
import websockets
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from bide.cli import listening
from bide.http import Limits
from tests.http.processes import uvicorn as process
from tests.http.server import serving
from tests.http.shop import Shop

READERS = 24
EVENTS = 300
SIZE = 60_000

ANN = {"X-Who": "ann"}


@contextmanager
def stalled(address: httpx.URL, paths: list[str]) -> Generator[list[socket.socket]]:
    """A connection for each path, on which it is asked for and nothing is read."""
    sockets: list[socket.socket] = []
    try:
        for path in paths:
            one = socket.socket()
            sockets.append(one)
            # Small, and set before it connects: what the kernel keeps for it is not what is looked at here.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            one.connect((address.host, address.port))
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.host}\r\nX-Who: ann\r\n\r\n".encode())
        yield sockets
    finally:
        for one in sockets:
            one.close()


async def answered(sockets: list[socket.socket]) -> None:
    """Once each has been sent something."""
    for one in sockets:
        await asyncio.to_thread(one.recv, 1, socket.MSG_PEEK)


# ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_holds_a_page_of_bytes_and_slows_nobody(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.address, timeout=60) as client:
            new = {"type": "tell", "input": {"events": EVENTS, "size": SIZE}}
            job = (await client.post("/jobs", json=new, headers={"Prefer": "wait=60"})).json()
            assert job["status"] == "completed"
    # A process anew, whose memory has held nothing of it yet.
    with process(tmp_path, BIDE_TEST_WORKER="no") as server:
        memory = psutil.Process(server.popen.pid).memory_info
        async with httpx.AsyncClient(base_url=server.address, timeout=60) as client:

            async def median() -> float:
                took: list[float] = []
                for _ in range(50):
                    began = time.perf_counter()
                    assert (await client.get(f"/jobs/{job['id']}")).status_code == 200
                    took.append(time.perf_counter() - began)
                return statistics.median(took)

            async def read_all() -> int:
                """Takes as long as those before it take to come to where they stay."""
                async with client.stream("GET", f"/jobs/{job['id']}/events?after=0") as answer:
                    return sum([len(part) async for part in answer.aiter_bytes()])

            assert await read_all() > EVENTS * SIZE
            alone, before = await median(), memory().rss
            of_job, of_all = f"/jobs/{job['id']}/events?after=0", "/events?after=0"
            with stalled(client.base_url, [of_job, of_all] * (READERS // 2)) as sockets:
                await answered(sockets)
                for _ in range(2):
                    assert await read_all() > EVENTS * SIZE
                grown = (memory().rss - before) / READERS
                assert grown < 2 * 1024**2, f"{grown:,.0f} bytes for each"
                together = await median()
                assert together < 3 * alone + 0.02, f"{alone:.4f} s alone, {together:.4f} s with them"


# ── Count ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr("bide.http.reader.STALLED", 0.3)
    return Shop(tmp_path / "shop.db", limits=Limits(requests=100_000, streams=3))


@pytest.fixture
async def client(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api/", headers=ANN, timeout=30) as client,
    ):
        yield client


async def written(shop: Shop) -> str:
    job = await shop.tell.options(owner="ann").enqueue(EVENTS, SIZE)
    await shop.bide.result(job)
    return str(job.id)


async def given_up(logged: pytest.LogCaptureFixture, count: int) -> None:
    """Once so many readers are sent no more."""
    async with asyncio.timeout(30):
        while sum("sent no more" in record.message for record in logged.records) < count:  # noqa: ASYNC110 - a log is polled
            await asyncio.sleep(0.02)


async def refused(client: httpx.AsyncClient, path: str) -> None:
    """That it is, and stays so for longer than anybody is waited for."""
    for _ in range(25):
        assert (await client.get(path)).status_code == 429
        await asyncio.sleep(0.02)


async def room(client: httpx.AsyncClient, path: str) -> None:
    async with asyncio.timeout(30):
        while True:
            async with client.stream("GET", path) as answer:
                if answer.status_code == 200:
                    return
                assert answer.status_code == 429
            await asyncio.sleep(0.02)


async def test_who_takes_nothing_counts_until_it_has_gone(
    shop: Shop, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bide.http")
    job = await written(shop)
    with stalled(client.base_url, [f"/api/jobs/{job}/events?after=0"] * 3) as sockets:
        await given_up(caplog, 3)
        await refused(client, f"jobs/{job}/events")
        sockets.pop().close()
        await room(client, f"jobs/{job}/events?after=0")


async def test_who_reads_on_too_late_is_told_the_end_and_goes_on_from_there(
    shop: Shop, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bide.http")
    job = await written(shop)
    with stalled(client.base_url, [f"/api/jobs/{job}/events?after=0"] * 3) as sockets:
        await given_up(caplog, 3)
        answer = b""
        sockets[0].settimeout(10)
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            answer += await asyncio.to_thread(sockets[0].recv, 2**20)
        last = int(answer.rpartition(b"\nid: ")[2].partition(b"\n")[0])
        assert 0 < last < EVENTS
        async with client.stream("GET", f"jobs/{job}/events", headers={"Last-Event-ID": f"{last}"}) as rest:
            assert rest.status_code == 200
            assert (await anext(aiter(rest.aiter_lines()))).startswith("retry")


async def test_a_websocket_that_takes_nothing_counts_until_it_has_gone(
    shop: Shop, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bide.http")
    job = await written(shop)
    address = f"{client.base_url}jobs/{job}/ws?after=0".replace("http", "ws", 1)
    sockets: list[websockets.ClientConnection] = []
    try:
        for _ in range(3):
            # It takes no more from the network than what nobody has received.
            one = await websockets.connect(address, additional_headers=ANN, compression=None, max_queue=1)
            sockets.append(one)
        await given_up(caplog, 3)
        await refused(client, f"jobs/{job}/events")
        sockets.pop().transport.abort()
        await room(client, f"jobs/{job}/events?after=0")
    finally:
        for one in sockets:
            one.transport.abort()


# ── Connections ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing cuts a connection whose reader takes nothing")
async def test_bide_serve_cuts_the_connection_of_who_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "UNTAKEN", 0.5)
    app = FastAPI()
    cut = asyncio.Event()

    @app.get("/")
    async def endless() -> StreamingResponse:
        async def zeros() -> AsyncGenerator[bytes]:
            try:
                while True:
                    yield bytes(65_536)
                    await asyncio.sleep(0)
            finally:
                cut.set()

        return StreamingResponse(zeros())

    with listening.listening("127.0.0.1", 0) as bound:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        running = asyncio.create_task(server.serve(bound))
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0.01)
        with stalled(httpx.URL(f"http://127.0.0.1:{bound[0].getsockname()[1]}"), ["/"]) as sockets:
            await answered(sockets)
            async with asyncio.timeout(20):
                await cut.wait()
            server.should_exit = True
            # It would wait for a connection that is still there.
            await asyncio.wait_for(running, 20)
