"""What is pushed: whole, in order, once, from wherever a reader goes on; and nobody waits for a reader that is slow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import orjson
import pytest
import websockets
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

from bide import Job
from bide.http import Limits, pages, sse
from bide.http.limits import KEEP_ALIVE
from bide.http.render import Frame
from bide.store.base import PAGE_BYTES
from tests.http.server import serving
from tests.http.shop import Shop
from tests.http.sse import Message, messages

ANN = {"X-Who": "ann"}

CUTS = 5_000

CUTS_OF_ALL = 100
"""Of the streams of all jobs."""

END = b"\n\n"
"""Of a message."""


@pytest.fixture
async def shop(database: str) -> Shop:
    return Shop(database, limits=Limits(requests=100_000, streams=10_000))


@pytest.fixture
async def client(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=500)
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers=ANN, timeout=30, limits=limits) as client,
    ):
        yield client


async def read(client: httpx.AsyncClient, path: str, *, last: str | None = None, at_most: int = 10**9) -> list[Message]:
    """Messages until the stream ends, or so many have come and the reader cuts it."""
    headers = {} if last is None else {"Last-Event-ID": last}
    seen: list[Message] = []
    async with client.stream("GET", path, headers=headers) as response:
        if response.status_code == 204:
            return seen
        assert response.status_code == 200
        async for message in messages(response):
            seen.append(message)
            if len(seen) >= at_most:
                break
    return seen


async def read_and_cut(
    client: httpx.AsyncClient, path: str, last: str, rng: random.Random
) -> tuple[list[Message], bool]:
    """The messages that came whole before the reader cut the stream, behind one or anywhere within; and whether it did,
    or the stream came to its end before."""
    wanted = rng.randint(1, 3)
    limit = None if rng.random() < 0.5 else rng.randint(1, 600)
    came, was_cut = b"", False
    async with client.stream("GET", path, headers={"Last-Event-ID": last}) as response:
        assert response.status_code == 200
        async for part in response.aiter_raw():
            came += part
            # What comes first is the time after which to connect anew.
            if limit is None and came.count(END) > wanted:
                came, was_cut = END.join(came.split(END)[: wanted + 1]) + END, True
            elif limit is not None and len(came) > limit:
                came, was_cut = came[:limit], True
            if was_cut:
                break
    return [message async for message in messages(httpx.Response(200, content=came))], was_cut


async def test_a_stream_begins_with_the_job_as_it_is_and_ends_with_it(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    async with client.stream("GET", f"jobs/{job.id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-store"
        stream = messages(response)
        first = await anext(stream)
        assert first.event == "snapshot"
        assert first.data["id"] == str(job.id)
        assert first.id == str(first.data["seq"])
        shop.gate.set()
        rest = [message async for message in stream]
    assert [int(message.id) for message in rest] == list(range(int(first.id) + 1, int(first.id) + 1 + len(rest)))
    assert rest[-1].event == "job.completed"
    assert rest[-1].data["kind"] == "job.completed"
    again = await client.get(f"jobs/{job.id}/events", headers={"Last-Event-ID": rest[-1].id})
    assert again.status_code == 204
    (only,) = await read(client, f"jobs/{job.id}/events")
    assert only.event == "snapshot"
    assert only.data["status"] == "completed"


async def test_the_whole_history_comes_from_zero_and_the_header_wins(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.stages.options(owner="ann").enqueue(5)
    await shop.bide.result(job)
    events = await shop.bide.history(job)
    seen = await read(client, f"jobs/{job.id}/events?after=0")
    assert [(message.id, message.event) for message in seen] == [(str(event.seq), event.kind) for event in events]
    seen = await read(client, f"jobs/{job.id}/events?after=0", last="3")
    assert [int(message.id) for message in seen] == [event.seq for event in events[3:]]
    odd = await client.get(f"jobs/{job.id}/events", headers={"Last-Event-ID": "x"})
    assert odd.status_code == 422


@pytest.mark.timeout(300)
async def test_no_cut_of_a_stream_loses_repeats_or_reorders_anything(
    shop: Shop, client: httpx.AsyncClient, share: int
) -> None:
    """Readers whose connections are cut at random go on from the last event they saw, while the jobs run."""
    rng = random.Random(20_261_125)
    jobs: list[Job[Any]] = []
    cuts = 0

    async def write() -> None:
        while cuts < CUTS // share:
            job = await shop.stages.options(owner="ann").enqueue(20)
            jobs.append(job)
            await shop.bide.result(job)

    async def follow() -> None:
        nonlocal cuts
        while cuts < CUTS // share:
            if not jobs:
                await asyncio.sleep(0)
                await shop.bide.stats()
                continue
            job = jobs[-1]
            seen: list[Message] = []
            while not seen or not seen[-1].event.startswith("job.completed"):
                last = seen[-1].id if seen else "0"
                came, was_cut = await read_and_cut(client, f"jobs/{job.id}/events", last, rng)
                seen += came
                cuts += was_cut
                assert was_cut or seen[-1].event == "job.completed"
            told = [(int(message.id), message.event) for message in seen]
            assert told == [(event.seq, event.kind) for event in await shop.bide.history(job)]

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        for _ in range(8):
            group.create_task(follow())
    assert cuts >= CUTS // share


@pytest.mark.timeout(300)
async def test_one_stream_of_all_jobs_loses_and_repeats_nothing_however_often_it_is_cut(
    shop: Shop, client: httpx.AsyncClient
) -> None:
    rng = random.Random(7)
    start = (await shop.bide.store.feed(-1, None)).position
    finished = asyncio.Event()
    jobs: list[Job[Any]] = []

    cuts = 0

    async def write() -> None:
        while len(jobs) < 150 or cuts < CUTS_OF_ALL:
            begun = [await shop.stages.options(owner="ann" if n % 3 else "bob").enqueue(3) for n in range(50)]
            jobs.extend(begun)
            for job in begun:
                await shop.bide.result(job)
        finished.set()

    async def follow(who: str) -> None:
        nonlocal cuts
        seen: list[Message] = []
        last = str(start)
        headers = {"X-Who": who}

        async def complete() -> bool:
            """Whether all is seen that there will be: a stream of all jobs does not end."""
            if not finished.is_set():
                return False
            count = 0
            for job in jobs:
                if who in {job.owner, "admin"}:
                    count += len(await shop.bide.history(job))
            return len(seen) >= count

        while not await complete():
            wanted = rng.randint(1, 60)
            async with client.stream("GET", "events", headers={**headers, "Last-Event-ID": last}) as response:
                try:
                    async with asyncio.timeout(1):
                        async for message in messages(response):
                            seen.append(message)
                            last = message.id
                            wanted -= 1
                            if not wanted:
                                cuts += 1
                                break
                except TimeoutError:
                    pass  # it may be complete, or only slow: the loop looks
        expected: list[tuple[str, int]] = []
        for job in jobs:
            if who in {job.owner, "admin"}:
                expected += [(str(job.id), event.seq) for event in await shop.bide.history(job)]
        told = [(message.data["job_id"], message.data["seq"]) for message in seen]
        assert len(told) == len(set(told))
        assert sorted(told) == sorted(expected)
        for job in jobs:
            own = [seq for identity, seq in told if identity == str(job.id)]
            assert own == sorted(own)
        positions = [int(message.id) for message in seen]
        assert positions == sorted(positions)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        for who in ("ann", "bob", "admin", "ann"):
            group.create_task(follow(who))
    assert cuts >= CUTS_OF_ALL


async def test_one_stream_of_all_jobs_begins_with_the_unfinished_ones(shop: Shop, client: httpx.AsyncClient) -> None:
    done = await shop.add.options(owner="ann").enqueue(1)
    await shop.bide.result(done)
    held = await shop.hold.options(owner="ann").enqueue()
    foreign = await shop.hold.options(owner="bob").enqueue()
    async with client.stream("GET", "events") as response:
        stream = messages(response)
        first = await anext(stream)
        assert first.event == "snapshot"
        assert [job["id"] for job in first.data["jobs"]] == [str(held.id)]
        shop.gate.set()
        async for message in stream:
            assert message.data["job_id"] != str(foreign.id)
            if message.event == "job.completed":
                assert message.data["job_id"] == str(held.id)
                break


@pytest.mark.parametrize(("bound", "value"), [("BUFFER", 3), ("PAGE_BYTES", 100)])
async def test_a_listener_that_falls_behind_reads_what_it_missed(
    shop: Shop, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(f"bide.http.feed.{bound}", value)
    monkeypatch.setattr("bide.http.feed.PAGE", 2)
    async with client.stream("GET", "events") as response:
        stream = messages(response)
        await anext(stream)
        jobs = [await shop.stages.options(owner="ann").enqueue(4) for _ in range(20)]
        for job in jobs:
            await shop.bide.result(job)
        expected = {(str(job.id), event.seq) for job in jobs for event in await shop.bide.history(job)}
        seen: list[tuple[str, int]] = []
        async for message in stream:
            seen.append((message.data["job_id"], message.data["seq"]))
            if len(seen) == len(expected):
                break
    assert set(seen) == expected


async def test_who_comes_again_need_not_read_past_the_events_of_others(
    shop: Shop, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bide.http.feed.KEEP_ALIVE", 0.02)
    for database in ("sqlite", "postgres"):
        monkeypatch.setattr(f"bide.store.{database}.reading.TOLD", 10)
    store = shop.bide.store
    before = (await store.feed(-1, None)).position
    for _ in range(5):
        await shop.bide.result(await shop.stages.options(owner="bob").enqueue(4))
    end = (await store.feed(-1, None)).position

    async def told(headers: dict[str, str]) -> list[int]:
        """The ids that come, each alone, until all is known to have been looked at."""
        ids: list[int] = []
        async with client.stream("GET", "events", headers=headers) as response:
            lines = response.aiter_lines()
            async for line in lines:
                name, _, value = line.partition(": ")
                assert name in {"", "retry", "id"}, line
                if name == "id":
                    assert await anext(lines) == ""
                    ids.append(int(value))
                    if ids[-1] == end:
                        return ids
        raise AssertionError("it does not end by itself")

    # What was missed is looked through in windows, and each is told: who is cut off again does not begin anew.
    ids = await told({"Last-Event-ID": str(before)})
    assert ids == sorted(set(ids))
    assert len(ids) > 2
    # What happens while the stream is open.
    async with client.stream("GET", "events") as response:
        stream = response.aiter_lines()
        while not (await anext(stream)).startswith("data:"):
            pass
        await shop.bide.result(await shop.stages.options(owner="bob").enqueue(4))
        end = (await store.feed(-1, None)).position
        while await anext(stream) != f"id: {end}":
            pass
    looked: list[int] = []
    feed = store.feed

    async def counted(after: int, *rest: Any, **more: Any) -> Any:
        looked.append(after)
        return await feed(after, *rest, **more)

    monkeypatch.setattr(store, "feed", counted)
    assert set(await told({"Last-Event-ID": str(end)})) == {end}
    assert {after for after in looked if after >= 0} == {end}


async def test_a_stream_of_a_job_with_nothing_to_say_shows_that_it_lives(
    shop: Shop, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KEEP_ALIVE == 15
    monkeypatch.setattr("bide.http.following.KEEP_ALIVE", 0.02)
    job = await shop.hold.options(owner="ann", delay="1h").enqueue()
    async with client.stream("GET", f"jobs/{job.id}/events?after={job.seq}") as response:
        lines = response.aiter_lines()
        assert [await anext(lines) for _ in range(6)] == ["retry: 2000", "", ": ping", "", ": ping", ""]


async def test_many_readers_of_one_job_share_their_queries(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    reads = 0
    real = shop.bide.store.history

    async def counted(*args: Any) -> Any:
        nonlocal reads
        reads += 1
        return await real(*args)

    shop.bide.store.history = counted  # type: ignore[method-assign, assignment]  # pyright: ignore[reportAttributeAccessIssue]

    async def follow(started: asyncio.Semaphore) -> list[Message]:
        async with client.stream("GET", f"jobs/{job.id}/events") as response:
            stream = messages(response)
            seen = [await anext(stream)]
            started.release()
            return seen + [message async for message in stream]

    started = asyncio.Semaphore(0)
    readers = [asyncio.create_task(follow(started)) for _ in range(100)]
    for _ in readers:
        await started.acquire()
    before = reads
    shop.gate.set()
    for seen in await asyncio.gather(*readers):
        assert seen[-1].event == "job.completed"
    assert reads - before < 50, "each of 100 readers has asked for itself"


async def test_a_reader_that_takes_nothing_holds_up_nobody_and_one_page(shop: Shop, client: httpx.AsyncClient) -> None:
    """Its socket is full, and it never reads: others see all, and the job ends as ever."""
    job = await shop.stages.options(owner="ann").enqueue(1)
    await shop.bide.result(job)
    address = client.base_url
    stalled: list[asyncio.StreamWriter] = []
    for _ in range(5):
        _, writer = await asyncio.open_connection(address.host, address.port, limit=1)
        writer.write(b"GET /api/events?after=0 HTTP/1.1\r\nHost: localhost\r\nX-Who: ann\r\n\r\n")
        await writer.drain()
        stalled.append(writer)
    try:
        for _ in range(20):
            seen_by = asyncio.create_task(read(client, f"jobs/{job.id}/events?after=0"))
            job = await shop.stages.options(owner="ann").enqueue(pages.LENGTH)
            await shop.bide.result(job)
            await seen_by
        seen = await read(client, f"jobs/{job.id}/events?after=0")
        assert [int(message.id) for message in seen] == [event.seq for event in await shop.bide.history(job)]
    finally:
        for writer in stalled:
            writer.close()


async def test_large_events_come_whole_by_every_way_and_no_page_is_larger_than_it_may_be(
    shop: Shop, client: httpx.AsyncClient
) -> None:
    before = (await shop.bide.store.feed(-1, None)).position
    job = await shop.tell.options(owner="ann").enqueue(30, 60_000)
    await shop.bide.result(job)
    events = await shop.bide.history(job)
    whole = [(event.seq, event.kind) for event in events]
    assert len(whole) > 30
    told: list[tuple[int, str]] = []
    after: int | None = 0
    while after is not None:
        answer = await client.get(f"jobs/{job.id}/history", params={"after": after, "limit": 1_000})
        assert len(answer.content) < 1.1 * PAGE_BYTES
        told += [(event["seq"], event["kind"]) for event in answer.json()["items"]]
        after = answer.json()["next_after"]
    assert told == whole
    seen = await read(client, f"jobs/{job.id}/events?after=0")
    assert [(int(message.id), message.event) for message in seen] == whole
    seen = await read(client, f"events?after={before}", at_most=len(whole))
    assert [(message.data["seq"], message.event) for message in seen] == whole
    assert [(event.seq, event.kind) async for event in shop.bide.events(job)] == whole


def test_what_is_sent_at_once_is_a_chunk_or_one_event() -> None:
    frames = [Frame(n, "output", b"x" * size) for n, size in enumerate([10, 60_000, 60_000, 100, 70_000, 1, 1])]
    chunks = list(sse.events(frames))
    assert b"".join(chunks) == b"".join(b"".join(sse.events([frame])) for frame in frames)
    assert [chunk.count(b"event:") for chunk in chunks] == [2, 2, 1, 2]
    assert [*sse.events([])] == [b": ping\n\n"]


async def test_a_stream_whose_reader_left_leaves_nothing(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    before = len(asyncio.all_tasks())
    for path in (f"jobs/{job.id}/events", "events") * 20:
        async with client.stream("GET", path) as response:
            await anext(messages(response))
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before + 3:
            await shop.bide.stats()


async def test_a_deleted_job_ends_its_streams(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann", delay="1h").enqueue()
    await shop.bide.cancel(job)
    await shop.bide.delete(job)
    gone = await client.get(f"jobs/{job.id}/events", headers={"Last-Event-ID": "1"})
    assert gone.status_code == 404
    assert gone.json()["code"] == "not_found"


# ── WebSockets ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def receive_all(socket: websockets.ClientConnection, seen: list[Any]) -> None:
    while True:
        seen.append(orjson.loads(await socket.recv()))


def ws(client: httpx.AsyncClient, path: str, **headers: str) -> websockets.connect:
    address = f"{client.base_url}".replace("http", "ws", 1) + path
    return websockets.connect(address, additional_headers={**ANN, **headers})


async def test_a_websocket_tells_the_same_and_answers_pings(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    async with ws(client, f"jobs/{job.id}/ws") as socket:
        first = orjson.loads(await socket.recv())
        assert first["type"] == "snapshot"
        assert first["job"]["id"] == str(job.id)
        await socket.send('{"type": "ping"}')
        seen: list[Any] = []
        while (message := orjson.loads(await socket.recv()))["type"] != "pong":
            seen.append(message)
        shop.gate.set()
        with pytest.raises(ConnectionClosedOK) as closed:
            await receive_all(socket, seen)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
    events = [message["event"] for message in seen]
    assert [event["seq"] for event in events] == list(
        range(first["job"]["seq"] + 1, first["job"]["seq"] + 1 + len(events))
    )
    assert events[-1]["kind"] == "job.completed"
    async with ws(client, f"jobs/{job.id}/ws?after=0") as socket:
        everything: list[Any] = []
        with pytest.raises(ConnectionClosedOK):
            await receive_all(socket, everything)
    assert [message["event"]["seq"] for message in everything] == [event.seq for event in await shop.bide.history(job)]


@pytest.mark.parametrize("identity", ["nonsense", "01999f5e-3c1a-7b2d-9a4e-5f6071829304"])
async def test_a_websocket_of_no_job_is_closed_with_why(client: httpx.AsyncClient, identity: str) -> None:
    async with ws(client, f"jobs/{identity}/ws") as socket:
        assert '"not_found"' in str(await socket.recv())
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404


async def test_a_page_of_another_origin_opens_no_websocket(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        async with ws(client, f"jobs/{job.id}/ws", Origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    own = f"http://{client.base_url.host}:{client.base_url.port}"
    async with ws(client, f"jobs/{job.id}/ws", Origin=own) as socket:
        assert "snapshot" in str(await socket.recv())
