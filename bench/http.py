"""The HTTP API: reads of an unchanged job beside a route that does nothing, creations beside a busy worker, and what
idle streams cost. The server and the load are processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from bench.measure import Line, Metrics, Size, Target, Topic

ROOT = Path(__file__).parents[1]

RATE = 300
"""Creations a second."""

MODE = ("-m", "uvicorn", "bench.server:app", "--log-level", "warning", "--no-access-log")


class Server:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self.process = psutil.Process(process.pid)

    def call(self, method: str, path: str, body: Any = None) -> tuple[dict[str, str], Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={} if body is None else {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return {name.lower(): value for name, value in response.headers.items()}, json.load(response)

    def running_job(self) -> tuple[str, str]:
        """A job that runs and changes no more, with its ETag."""
        _, job = self.call("POST", "/jobs", {"type": "wait"})
        while True:
            headers, now = self.call("GET", f"/jobs/{job['id']}")
            if now["status"] == "running":
                return f"/jobs/{job['id']}", headers["etag"]


@contextmanager
def serving(folder: Path) -> Generator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "BENCH_URL": f"sqlite:///{folder}/jobs.db", "BIDE_DRAIN": "0.1s"}
    process = subprocess.Popen([sys.executable, *MODE, "--port", str(port)], env=environment, cwd=ROOT)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "the server did not start"
                time.sleep(0.02)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait(30)


def load(how: str, port: int, seconds: float, rate: float, request: str) -> Metrics:
    command = [sys.executable, "-m", "bench.load", how, str(port), str(seconds), str(rate), request]
    told: Metrics = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    return told


def _get(path: str, *headers: str) -> str:
    return "\\r\\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""])


def constant(folder: Path, seconds: float) -> Metrics:
    with serving(folder) as server:
        return load("fast", server.port, seconds, 0, _get("/constant"))


def unchanged(folder: Path, seconds: float) -> Metrics:
    with serving(folder) as server:
        path, _ = server.running_job()
        return load("fast", server.port, seconds, 0, _get(path))


def not_modified(folder: Path, seconds: float) -> Metrics:
    with serving(folder) as server:
        path, tag = server.running_job()
        return load("fast", server.port, seconds, 0, _get(path, f"If-None-Match: {tag}"))


def create(folder: Path, seconds: float) -> Metrics:
    """The worker of the same process executes each of them, some milliseconds long."""
    body = json.dumps({"type": "work", "input": {"n": 1}})
    head = ["POST /jobs HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    with serving(folder) as server:
        return load("rate", server.port, seconds, RATE, "\\r\\n".join([*head, "", body]))


def idle(folder: Path, streams: int, seconds: float) -> Metrics:
    """Memory of a stream, and what all of them cost while nothing happens."""
    _allow_descriptors(streams)
    with serving(folder) as server:
        path, _ = server.running_job()
        before = server.process.memory_info().rss
        return asyncio.run(_hold(server, path, streams, seconds, before))


async def _hold(server: Server, path: str, streams: int, seconds: float, before: int) -> Metrics:
    request = f"GET {path}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    held: list[asyncio.StreamWriter] = []

    async def follow() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        await reader.readuntil(b"event: snapshot")
        held.append(writer)

    for begun in range(0, streams, 50):
        await asyncio.gather(*(follow() for _ in range(min(50, streams - begun))))
    opened = await asyncio.to_thread(_settled, server.process)
    cpu = server.process.cpu_times()
    await asyncio.sleep(seconds)
    now = server.process.cpu_times()
    after = server.process.memory_info().rss
    for writer in held:
        writer.close()
    return {
        "each": max(1.0, (opened - before) / streams),
        "grown": max(1.0, (after - opened) / 1_000_000),
        "cpu": (now.user + now.system - cpu.user - cpu.system) / seconds * 1_000,
    }


def _settled(process: psutil.Process) -> int:
    """The memory once it has stood still for a moment."""
    last = -1
    while (size := process.memory_info().rss) != last:
        last = size
        time.sleep(0.5)
    return size


def _allow_descriptors(streams: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < streams + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, streams + 200), hard))


def topic(size: Size) -> Topic:
    seconds, streams = size.http, size.streams
    return Topic(
        title="HTTP",
        how="uvicorn, one process with a worker in it; the load is another process, on plain sockets."
        f" Reads: {seconds:g} s over 8 connections. Creations: {RATE} a second, each sent when it is due, while the"
        f" worker executes them, 5 ms each. Streams: {streams:,} of one running job, watched for {size.still:g} s.",
        cases={
            "constant": partial(constant, seconds=seconds),
            "unchanged": partial(unchanged, seconds=seconds),
            "not modified": partial(not_modified, seconds=seconds),
            "create": partial(create, seconds=4 * seconds),
            "idle": partial(idle, streams=streams, seconds=size.still),
        },
        lines=[
            Line("a bare FastAPI route that returns a constant", "constant", "rate", "/s", "uvicorn and FastAPI."),
            Line(
                "Bide, GET of an unchanged job",
                "unchanged",
                "rate",
                "/s",
                "The same, with who asks, whether anything changed, and 460 bytes of JSON. No query.",
                base=("constant", "rate"),
                target=Target("≥", 0.6),
            ),
            Line(
                "Bide, the same with If-None-Match: 304",
                "not modified",
                "rate",
                "/s",
                "As above, without the body.",
                base=("constant", "rate"),
            ),
            Line("Bide, POST of a job: p50", "create", "p50", "ms", "A commit, and a read of the row."),
            Line(
                "Bide, POST of a job: p99",
                "create",
                "p99",
                "ms",
                "Its turn behind the worker's commits, and Python's lock.",
                target=Target("≤", 10, ratio=False),
            ),
            Line("Bide, memory of an idle stream", "idle", "each", "B", "uvicorn's connection, two tasks, a timer."),
            Line("Bide, memory grown while nothing happens", "idle", "grown", "MB", "Nothing: it is flat (1 is none)."),
            Line(
                f"Bide, {streams:,} idle streams: CPU per second",
                "idle",
                "cpu",
                "ms",
                "A sign of life for each, every 15 s, and the worker's own look at the database.",
            ),
        ],
    )
