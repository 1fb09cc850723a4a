"""Reads are never stale, and an unchanged job costs no query."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bench.wire import Connection, close, request
from bide.http import Limits
from tests.http.processes import uvicorn
from tests.http.server import client_of, serving
from tests.http.shop import Shop

READS = 10_000


@pytest.mark.timeout(300)
async def test_no_process_shows_what_another_has_already_changed(tmp_path: Path, database: str, share: int) -> None:
    """One process writes, and another is asked at once after the write was acknowledged."""
    environment = {"BIDE_TEST_URL": database, "BIDE_TEST_WORKER": "no"}
    kept = ("--timeout-keep-alive", "3600")
    with uvicorn(tmp_path, *kept, **environment) as one, uvicorn(tmp_path, *kept, **environment) as two:
        stale = reads = 0

        async def write_and_read() -> None:
            nonlocal stale, reads
            writer, reader = [await Connection.open(process.port) for process in (one, two)]
            while reads < READS // share:
                path = f"/jobs/{(await writer.json(request('POST', '/jobs', {'type': 'ask'})))['id']}"
                status, head, _ = await reader.send(request("GET", path))
                stale += status != 200
                (tag,) = re.findall(rb"(?i)^etag: (.+?)\r$", head, re.MULTILINE)
                again = request("GET", path, If_None_Match=tag.decode())
                assert (await reader.send(again))[0] == 304
                await writer.json(request("POST", f"{path}/cancel"))
                status, _, body = await reader.send(again)
                stale += status != 200 or orjson.loads(body)["status"] != "cancelled"
                reads += 2
            await close([writer, reader])

        await asyncio.gather(*(write_and_read() for _ in range(8)))
        assert reads >= READS // share
        assert stale == 0


async def test_an_unchanged_job_is_read_without_a_query(database: str) -> None:
    shop = Shop(database)
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers={"X-Who": "ann"}) as client,
    ):
        held = await shop.hold.options(owner="ann").enqueue()
        done = await shop.add.options(owner="ann").enqueue(1)
        await shop.bide.result(done)
        async for event in shop.bide.events(held):
            if event.kind == "job.started":
                break
        commits = {shop.bide.store.mark()}
        for job in (held, done):
            await client.get(f"jobs/{job.id}")
        queries, looks = count_queries(shop)
        reads = 0
        for _ in range(100):
            for job in (held, done):
                assert (await client.get(f"jobs/{job.id}")).status_code == 200
                commits.add(shop.bide.store.mark())
                reads += 1
        assert queries == []
        if database.startswith("sqlite:"):
            # Not even for what has changed, unless something was committed: a heartbeat, say.
            assert len(looks) < len(commits) <= reads // 10
        else:
            assert len(looks) <= reads


def count_queries(shop: Shop) -> tuple[list[str], list[int]]:
    """From now on: the jobs that are read from the store, and the positions from which it is asked what has changed."""
    queries: list[str] = []
    looks: list[int] = []
    store = shop.bide.store
    get, changes = store.get, store.changes

    async def counted_get(jobs: Any, owner: Any) -> Any:
        queries.append(str(jobs))
        return await get(jobs, owner)

    async def counted_changes(since: int) -> Any:
        looks.append(since)
        return await changes(since)

    store.get = counted_get  # type: ignore[method-assign]
    store.changes = counted_changes  # type: ignore[method-assign]
    return queries, looks


async def test_many_who_read_at_once_share_their_looks(postgres_url: str) -> None:
    """Where other processes may have written, it is looked once for all that wait for it."""
    shop = Shop(postgres_url, limits=Limits(requests=100_000), worker=False)
    async with serving(shop.app) as address:
        job = await shop.hold.options(owner="ann").enqueue()
        port = httpx.URL(address).port
        assert port is not None
        connections = [await Connection.open(port) for _ in range(16)]
        read = request("GET", f"/api/jobs/{job.id}", X_Who="ann")
        await connections[0].send(read)
        queries, looks = count_queries(shop)

        async def read_on(connection: Connection) -> None:
            for _ in range(50):
                status, _, _ = await connection.send(read)
                assert status == 200

        await asyncio.gather(*map(read_on, connections))
        await close(connections)
    assert queries == []
    assert 0 < len(looks) <= 16 * 50 // 4


async def test_what_others_have_read_is_not_what_administrators_see(database: str) -> None:
    shop = Shop(database, worker=False)
    async with client_of(shop.app, who="ann") as client:
        job = await shop.hold.options(owner="ann").enqueue()
        tag = (await client.get(f"/api/jobs/{job.id}")).headers["etag"]
        for who, status in (("ann", 304), ("viewer", 304), ("admin", 200)):
            again = await client.get(f"/api/jobs/{job.id}", headers={"X-Who": who, "If-None-Match": tag})
            assert again.status_code == status, who
