"""A server that is told to stop ends its streams first, and so ends in time: as it is started in each of three ways."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from tests.http.processes import uvicorn
from tests.http.sse import messages

DRAIN = 2.0


async def everything(connection: websockets.ClientConnection) -> None:
    while True:
        await connection.recv()


@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--reload", "--reload-dir", "tests/http")])
async def test_three_open_streams_do_not_keep_it_alive(tmp_path: Path, options: tuple[str, ...]) -> None:
    with uvicorn(tmp_path, *options, BIDE_DRAIN=f"{DRAIN}s") as server:
        async with httpx.AsyncClient(base_url=server.address, timeout=30) as client:
            job = (await client.post("/jobs", json={"type": "ask"})).json()
            while (await client.get(f"/jobs/{job['id']}?wait=10")).json()["status"] != "pending_hitl":
                pass

            async def follow(path: str, opened: asyncio.Semaphore) -> None:
                async with client.stream("GET", path) as response:
                    assert response.status_code == 200
                    stream = messages(response)
                    await anext(stream)
                    opened.release()
                    async for _ in stream:
                        pass

            async def own(opened: asyncio.Semaphore) -> None:
                async with client.stream("GET", f"/own/{job['id']}") as response:
                    lines = response.aiter_lines()
                    await anext(lines)
                    opened.release()
                    async for _ in lines:
                        pass

            async def socket(opened: asyncio.Semaphore) -> None:
                address = server.address.replace("http", "ws", 1)
                async with websockets.connect(f"{address}/jobs/{job['id']}/ws") as connection:
                    await connection.recv()
                    opened.release()
                    with pytest.raises(ConnectionClosed):
                        await everything(connection)

            opened = asyncio.Semaphore(0)
            async with asyncio.TaskGroup() as group:
                group.create_task(follow(f"/jobs/{job['id']}/events", opened))
                group.create_task(follow("/events", opened))
                group.create_task(socket(opened))
                group.create_task(own(opened))
                waiting = group.create_task(client.get(f"/jobs/{job['id']}?wait=60"))
                for _ in range(4):
                    await opened.acquire()
                took = await asyncio.to_thread(server.stop)
            assert waiting.result().status_code == 200
        assert took < DRAIN + 1, f"it took {took:.1f} s: {server.log.read_text()}"
        assert "Traceback" not in server.log.read_text()


async def test_a_running_job_is_given_back_at_the_end_of_the_drain_and_goes_on_after_the_restart(
    tmp_path: Path,
) -> None:
    with uvicorn(tmp_path, BIDE_DRAIN="0.5s") as server:
        async with httpx.AsyncClient(base_url=server.address) as client:
            job = (await client.post("/jobs", json={"type": "run", "input": {"seconds": 3}})).json()
            while (await client.get(f"/jobs/{job['id']}")).json()["status"] != "running":
                pass
        took = await asyncio.to_thread(server.stop)
        assert took < 0.5 + 1
    with uvicorn(tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.address, timeout=90) as client:
            found = (await client.get(f"/jobs/{job['id']}?wait=0")).json()
            assert found["attempt"] <= 1
            while found["status"] != "completed":
                found = (await client.get(f"/jobs/{job['id']}?wait=30")).json()
            assert found["attempt"] == 1
