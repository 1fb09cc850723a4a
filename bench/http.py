"""The HTTP API: jobs that are posted, jobs that are read, and streams that are held open."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import serve, wire
from bench.measure import Line, Metrics, Size, Target, Topic, percentile, quantiles

RATE = 300
"""Jobs posted a second."""

POSTERS = 64
"""Connections that post. Those that wait for an answer hold up no other, as long as one is free."""

READERS = 16
"""Connections that read, each its next request after its last answer."""

SLICES = 6
"""Turns that each kind of read has."""

ALONGSIDE = 100
"""Connections opened at once."""

STALLED = 0.1
"""The part of the readers that take nothing."""

TICKS = 200
"""Steps of the job whose stream is timed, at most; each makes an event."""

DELAYED = {"type": "brief", "input": {"n": 0}, "delay": "7d"}
"""A job that waits."""


def _run(body: Coroutine[Any, Any, Metrics]) -> Metrics:
    return asyncio.run(body)


def _port(folder: Path) -> int:
    return int((folder / "port").read_text())


# ── Posting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def post(folder: Path, seconds: float, *, worker: bool, spin: float = 0.0) -> Metrics:
    """Latencies of posts that come at a fixed rate, whatever becomes of those before, from when each was due.

    Each makes a job that holds the event loop for `spin` seconds, and waits.
    """
    with ExitStack() as stack:
        stack.enter_context(serve.child(folder, *(["worker"] if worker else [])))
        if not worker:
            stack.enter_context(serve.child(folder, "alone"))
        return _run(_post(_port(folder), seconds, spin))


async def _post(port: int, seconds: float, spin: float) -> Metrics:
    count = max(1, int(RATE * seconds))
    inputs = [{"n": n, "spin": spin} for n in range(count)]
    requests = [wire.request("POST", "/jobs", {"type": "brief", "input": given}) for given in inputs]
    connections = [await wire.Connection.open(port) for _ in range(POSTERS)]
    latencies: list[float] = []
    due = iter(range(count))
    for connection in connections:  # the first request of a connection is another thing
        await connection.send(wire.request("GET", "/constant"))
    used = time.process_time()
    start = time.perf_counter() + 0.05

    async def poster(connection: wire.Connection) -> None:
        for n in due:
            at = start + n / RATE
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            status, _, body = await connection.send(requests[n])
            latencies.append(time.perf_counter() - at)
            assert status in {200, 202}, body[:300]

    await asyncio.gather(*map(poster, connections))
    elapsed = time.perf_counter() - start
    own = (time.process_time() - used) / elapsed * 100
    stats = await connections[0].json(wire.request("GET", "/stats"))
    # The worker kept up: what was posted was not just piled up.
    done = stats["by_status"].get("completed", 0)
    assert sum(stats["by_status"].values()) == count
    await wire.close(connections)
    return {**quantiles(latencies), "done": max(1, done) / count * 100, "client": max(own, 0.01)}


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(folder: Path, seconds: float) -> Metrics:
    """Reads of one job that does not change, in turns with a route of the framework that returns a constant."""
    with serve.child(folder):
        return _run(_read(_port(folder), seconds))


async def _read(port: int, seconds: float) -> Metrics:
    connections = [await wire.Connection.open(port) for _ in range(READERS)]
    job = (await connections[0].json(wire.request("POST", "/jobs", DELAYED)))["id"]
    path = f"/jobs/{job}"
    _, head, _ = await connections[0].send(wire.request("GET", path))
    (tag,) = re.findall(r"(?im)^etag: (\S+)\r$", head.decode())
    kinds = {
        "bare": (200, wire.request("GET", "/constant")),
        "job": (200, wire.request("GET", path)),
        "304": (304, wire.request("GET", path, If_None_Match=tag)),
    }
    counts = dict.fromkeys(kinds, 0)
    spent = dict.fromkeys(kinds, 0.0)
    selects = dict.fromkeys(kinds, 0.0)
    costs = dict.fromkeys(kinds, 0.0)
    used = time.process_time()
    began = time.perf_counter()
    for turn in range(SLICES):
        for kind in list(kinds) if turn % 2 == 0 else reversed(list(kinds)):
            before = await _self(connections[0])
            count, elapsed = await _read_for(connections, *kinds[kind], seconds / SLICES / len(kinds))
            after = await _self(connections[0])
            selects[kind] += after["selects"] - before["selects"]
            costs[kind] += after["cpu"] - before["cpu"]
            counts[kind] += count
            spent[kind] += elapsed
    own = (time.process_time() - used) / (time.perf_counter() - began) * 100
    for kind in ("job", "304"):
        # What the app does by itself meanwhile is a few; a read that asks would make thousands.
        assert selects[kind] <= 10 + counts[kind] / 100, f"{selects[kind]:g} queries for {counts[kind]} reads: {kind}"
    await wire.close(connections)
    return {
        **{kind: counts[kind] / spent[kind] for kind in kinds},
        **{f"{kind} cost": costs[kind] / counts[kind] * 1_000 for kind in kinds},
        "client": max(own, 0.01),
    }


async def _read_for(
    connections: Sequence[wire.Connection], status: int, sent: bytes, seconds: float
) -> tuple[int, float]:
    begun = time.perf_counter()
    end = begun + seconds

    async def reader(connection: wire.Connection) -> int:
        count = 0
        while time.perf_counter() < end:
            answered, _, _ = await connection.send(sent)
            assert answered == status
            count += 1
        return count

    return sum(await asyncio.gather(*map(reader, connections))), time.perf_counter() - begun


async def _self(connection: wire.Connection) -> dict[str, float]:
    found: dict[str, float] = await connection.json(wire.request("GET", "/self"))
    return found


# ── Streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def stream(folder: Path, count: int, seconds: float, ticks: int) -> Metrics:
    """So many streams, each of a job that waits: what they weigh; and another job's stream beside them."""
    serve.many_files()
    with serve.child(folder, "worker"):
        return _run(_stream(_port(folder), count, seconds, ticks))


async def _stream(port: int, count: int, seconds: float, ticks: int) -> Metrics:
    connection = await wire.Connection.open(port)
    jobs: list[str] = []
    while len(jobs) < count:
        batch = [DELAYED] * min(100, count - len(jobs))
        made = await connection.json(wire.request("POST", "/jobs/batch", {"jobs": batch}))
        jobs += [outcome["job"]["id"] for outcome in made["items"]]
    alone = await _tick(connection, port, ticks)
    empty = await _self(connection)
    gate = asyncio.Semaphore(ALONGSIDE)

    async def follow(path: str, *, stalled: bool = False) -> wire.Stream:
        async with gate:
            return await wire.Stream.open(port, path, stalled=stalled)

    streams = list(await asyncio.gather(*(follow(f"/jobs/{job}/events") for job in jobs)))
    await asyncio.sleep(min(1.0, seconds))
    start, began = await _self(connection), time.perf_counter()
    await asyncio.sleep(seconds)
    end, elapsed = await _self(connection), time.perf_counter() - began
    # Not one was lost meanwhile.
    assert not any(stream.gone.done() for stream in streams)
    beside = await _tick(connection, port, ticks)
    others = max(1, int(count * STALLED))
    crowded = await _tick(connection, port, ticks, others=others)
    stalled = await _tick(connection, port, ticks, others=others, stalled=True)
    elsewhere = await _tick_beside_stalled(connection, port, ticks, others)
    weight = (end["resident"] - empty["resident"]) / count
    grown = (end["resident"] - start["resident"]) / 1e6
    assert grown < 20, f"{grown:.0f} MB more after {seconds:g} s of nothing"
    await wire.close(streams)
    await connection.close()
    return {
        "weight": max(1.0, weight),
        "resident": end["resident"] / 1e6,
        "grown": max(0.01, grown),
        "cpu": max(0.01, (end["cpu"] - start["cpu"]) / elapsed * 100),
        **{f"alone {name}": value for name, value in alone.items()},
        **{f"beside {name}": value for name, value in beside.items()},
        **{f"crowded {name}": value for name, value in crowded.items()},
        **{f"stalled {name}": value for name, value in stalled.items()},
        **{f"elsewhere {name}": value for name, value in elsewhere.items()},
    }


async def _tick(
    connection: wire.Connection, port: int, ticks: int, *, others: int = 0, stalled: bool = False
) -> Metrics:
    """Run a job and read its stream: from when each event was recorded, until it was here. So many `others` follow it
    too; `stalled`: they take nothing."""
    job = (await connection.json(wire.request("POST", "/jobs", {"type": "ticking", "input": {"count": ticks}})))["id"]
    latencies: list[float] = []
    ended = asyncio.get_running_loop().create_future()
    rest = b""

    def told(data: bytes) -> None:
        nonlocal rest
        now = time.time()
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"event: job.completed"):
                ended.set_result(None)
            elif found := _RECORDED.search(line):
                latencies.append(now - datetime.fromisoformat(found[1].decode()).timestamp())

    path = f"/jobs/{job}/events?after=0"
    beside = [await wire.Stream.open(port, path, stalled=stalled) for _ in range(others)]
    reading = await wire.Stream.open(port, path, told)
    async with asyncio.timeout(120):
        await ended
    await wire.close([reading, *beside])
    # What it was too late for is history, and was not timed.
    return {"p50": percentile(latencies[5:], 50) * 1_000, "p99": percentile(latencies[5:], 99) * 1_000}


async def _tick_beside_stalled(connection: wire.Connection, port: int, ticks: int, others: int) -> Metrics:
    """As `_tick`, beside so many readers of another job, which is over: they were sent what they had room for."""
    new = wire.request("POST", "/jobs", {"type": "ticking", "input": {"count": ticks}}, Prefer="wait=60")
    path = f"/jobs/{(await connection.json(new))['id']}/events?after=0"
    stalled = [await wire.Stream.open(port, path, stalled=True) for _ in range(others)]
    # Another that asks after them, and reads: when it has all of it, those before it were sent theirs.
    ended = asyncio.get_running_loop().create_future()
    got = bytearray()

    def told(data: bytes) -> None:
        got.extend(data)
        if b"event: job.completed" in got[-1_000:] and not ended.done():
            ended.set_result(None)

    reading = await wire.Stream.open(port, path, told)
    async with asyncio.timeout(120):
        await ended
    measured = await _tick(connection, port, ticks)
    await wire.close([reading, *stalled])
    return measured


_RECORDED = re.compile(rb'^data: .*"at":"([^"]+)"')


def topic(size: Size) -> Topic[Path]:
    beside = f"{size.streams:,} streams"
    others = f"and {int(size.streams * STALLED):,}"
    ticks = min(TICKS, 10 + int(size.idle * 10))
    return Topic(
        title="HTTP",
        how="uvicorn with h11 and asyncio's own loop, one process; the client is another, with kept connections,"
        " request bytes made before, and raw protocols of asyncio: its share of a core is told, and far from a whole"
        f" one. Posts: {RATE} a second for {size.posting:g} s, each at its time whatever the others wait for, and timed"
        f" from then; each makes a job that waits for {serve.REST * 1_000:g} ms, and the worker keeps up. Reads:"
        f" {READERS} connections, one job that does not change, in {SLICES} turns with a route that returns"
        " a constant, on the same server; no query is made. Streams: each of a"
        f" job of its own that waits, quiet for {size.idle:g} s, that not one is cut and the memory stays is checked;"
        f" beside them a job with {ticks} steps, each of which emits {len(serve.TEXT) // 1_000} kB; its events are"
        " timed from when they were recorded, by the database's clock, until a reader had them. All of this on one"
        " machine: client, server and worker share its cores.",
        cases={
            "posts": partial(post, seconds=size.posting, worker=True),
            "posts held up": partial(post, seconds=size.posting, worker=True, spin=serve.SPIN),
            "posts apart": partial(post, seconds=size.posting, worker=False),
            "reads": partial(read, seconds=size.reading),
            "streams": partial(stream, count=size.streams, seconds=size.idle, ticks=ticks),
        },
        lines=[
            Line("POST, worker in the same process: p50", "posts", "p50", "ms", "A commit, and a flush to the disk."),
            Line(
                "POST, worker in the same process: p99", "posts", "p99", "ms",
                "As above, and what else runs on the event loop.", target=Target("≤", 10, ratio=False),
            ),
            Line("… of its jobs finished when the last was posted", "posts", "done", "%", "The worker keeps up."),
            Line(
                f"POST, each job holds that event loop for {serve.SPIN * 1_000:g} ms: p50", "posts held up", "p50",
                "ms", "The jobs: several that begin together follow each other.",
            ),
            Line(
                f"POST, each job holds that event loop for {serve.SPIN * 1_000:g} ms: p99", "posts held up", "p99",
                "ms", "As above.", target=Target("≤", 10, ratio=False),
            ),
            Line("POST, worker in another process: p50", "posts apart", "p50", "ms", "A commit and a flush."),
            Line(
                "POST, worker in another process: p99", "posts apart", "p99", "ms",
                "As above, the transactions of the other process, and the wait for a core.",
                target=Target("≤", 10, ratio=False),
            ),
            Line("… of its jobs finished when the last was posted", "posts apart", "done", "%", "As above."),
            Line("the client that posts: of a core", "posts", "client", "%", "Not what limits."),
            Line("bare route that returns a constant", "reads", "bare", "/s", "FastAPI, uvicorn and h11."),
            Line(
                "GET of an unchanged job", "reads", "job", "/s",
                "As above, and the guard: `authorize` and the parameters are dependencies.",
                base=("reads", "bare"), target=Target("≥", 0.6),
            ),
            Line(
                "GET of an unchanged job, 304", "reads", "304", "/s", "As above.",
                base=("reads", "bare"), target=Target("≥", 0.6),
            ),
            Line("bare route: processor time of the server", "reads", "bare cost", "ms", "As above."),
            Line(
                "GET of an unchanged job: processor time",
                "reads",
                "job cost",
                "ms",
                "As above. It hardly depends on what else the machine does.",
                base=("reads", "bare cost"),
            ),
            Line(
                "GET of an unchanged job, 304: processor time",
                "reads",
                "304 cost",
                "ms",
                "As above.",
                base=("reads", "bare cost"),
            ),
            Line("the client that reads: of a core", "reads", "client", "%", "Not what limits."),
            Line("an idle stream: memory", "streams", "weight", "B", "Two tasks, a socket, the state of h11."),
            Line(f"{beside}: resident", "streams", "resident", "MB", "As above."),
            Line(
                f"{beside}: more after {size.idle:g} s", "streams", "grown", "MB", "As above.",
                target=Target("≤", 20, ratio=False),
            ),
            Line(f"{beside}: of a core", "streams", "cpu", "%", "A comment each every 15 s; the worker's own beat."),
            Line("an event, to its reader: p50", "streams", "alone p50", "ms", "A commit, a query, a frame."),
            Line("an event, to its reader: p99", "streams", "alone p99", "ms", "As above."),
            Line(
                f"an event, beside {beside}: p50", "streams", "beside p50", "ms", "As above.",
                base=("streams", "alone p50"),
            ),
            Line(
                f"an event, beside {beside}: p99", "streams", "beside p99", "ms", "As above.",
                base=("streams", "alone p99"),
            ),
            Line(
                f"an event, beside {beside} {others} more readers of this job: p50", "streams", "crowded p50", "ms",
                "A write to each of them.", base=("streams", "beside p50"),
            ),
            Line(
                f"an event, beside {beside} {others} more readers of this job: p99", "streams", "crowded p99", "ms",
                "As above.", base=("streams", "beside p99"),
            ),
            Line(
                f"an event, beside {beside} {others} that have stalled: p50", "streams", "stalled p50", "ms",
                "A write to each of them, until its buffers are full.", base=("streams", "crowded p50"),
                target=Target("≤", 1),
            ),
            Line(
                f"an event, beside {beside} {others} that have stalled: p99", "streams", "stalled p99", "ms",
                "As above.", base=("streams", "crowded p99"),
            ),
            Line(
                f"an event, beside {beside} {others} stalled readers of another job: p50", "streams", "elsewhere p50",
                "ms", "They are waited for, and cost nothing.", base=("streams", "beside p50"),
            ),
            Line(
                f"an event, beside {beside} {others} stalled readers of another job: p99", "streams", "elsewhere p99",
                "ms", "As above.", base=("streams", "beside p99"),
            ),
        ],
    )  # fmt: skip
