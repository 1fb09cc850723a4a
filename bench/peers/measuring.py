"""One peer, measured once: processes of its driver are started, and watched from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.marks import Marks
from bench.measure import Metrics
from bench.peers.driver import CALLERS, SPARE, WARM_UP, Role, Task
from bench.peers.environments import Infeasible
from bench.peers.peers import OURS, Peer
from bench.postgres import jobs
from bench.postgres.database import Database
from bench.postgres.server import query
from bench.worker import ROOT

LOOK = 0.05
"""Seconds between two looks at the marks."""

STANDSTILL = 30.0
"""Seconds after which workers that execute nothing are given up."""

LIMIT = 300.0
"""Seconds that a driver may take."""

GRACE = 5.0
"""Seconds that a worker has to end."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs: enqueued one by one, and at once. Those of the peer itself are divided by `part`."""

    enqueued: int
    bulk: int
    part: int

    def of(self, count: int) -> int:
        return max(2, count // self.part)


class Bench:
    """A peer, its Python, and a database with a folder for it."""

    def __init__(self, peer: Peer, python: Path, database: Database) -> None:
        self._peer = peer
        self._python = python
        self._database = database

    def enqueue(self, counts: Counts) -> Metrics:
        self._set_up(SPARE)
        figures = self._figures(self._task("enqueue", counts.enqueued, counts.bulk))
        if self._peer is OURS:
            accepted = WARM_UP + len(CALLERS) * counts.enqueued + counts.bulk
            asyncio.run(jobs.verify_accepted(self._database.url, accepted))
        return figures

    def drain(self, counts: Counts, workers: int) -> Metrics:
        """From the first line of the first job until the store says that none is left; the jobs are there before."""
        count = counts.of(self._peer.drained)
        marks = self._set_up(count)
        self._run(self._task("fill", count))
        asyncio.run(jobs.settle_down(self._database.url))
        with self._working(workers) as working:
            self._until(lambda: len(marks.marked(count)) == count, lambda: len(marks.marked(count)), working)
            last = time.monotonic() if self._left(count) else marks.marked(count)[-1]
            while self._left(count):
                last = time.monotonic()
                assert last - marks.marked(count)[-1] < STANDSTILL, f"{self._left(count)} jobs ran, and never ended"
                time.sleep(LOOK / 5)
            resident = sum(map(_resident, working)) / workers
        if self._peer is OURS:
            asyncio.run(jobs.verify(self._database.url, completed=count, events=3))
        return {"rate": count / (last - marks.marked(count)[0]), "resident": resident}

    def latency(self, counts: Counts) -> Metrics:
        count, ends = counts.of(self._peer.picked_up), counts.of(self._peer.ends)
        marks = self._set_up(count + ends + SPARE)
        with self._working(1):
            figures = self._figures(self._task("latency", count, ends))
        assert len(marks.marked(count + ends)) == count + ends
        if self._peer is OURS:
            done = len(marks.marked(count + ends + SPARE))
            asyncio.run(jobs.verify(self._database.url, completed=done, events=3))
        return figures

    def _set_up(self, count: int) -> Marks:
        marks = Marks.create(self._database.marks, count)
        self._run(self._task("set up"))
        return marks

    def _task(self, role: Role, count: int = 0, many: int = 0) -> Task:
        database = self._database
        return Task(role, database.url, str(database.folder), count, many, dict(self._peer.options))

    def _command(self, task: Task) -> list[str]:
        return [str(self._python), "-m", f"bench.peers.drivers.{self._peer.driver}", task.dump()]

    def _environment(self) -> dict[str, str]:
        paths = [ROOT, ROOT / "src"] if self._peer is OURS else [ROOT]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}

    def _run(self, task: Task) -> None:
        ended = subprocess.run(
            self._command(task),
            env=self._environment(),
            cwd=self._database.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        if ended.returncode:
            raise Infeasible(f"{task.role}: {_last_line(ended.stderr, ended.returncode)}")

    def _figures(self, task: Task) -> Metrics:
        self._run(task)
        figures: dict[str, float] = json.loads(task.figures.read_text())
        return figures

    @contextmanager
    def _working(self, count: int) -> Generator[list[subprocess.Popen[bytes]]]:
        command = self._command(self._task("work"))
        with ExitStack() as stack:
            working: list[subprocess.Popen[bytes]] = []
            for number in range(count):
                log = stack.enter_context((self._database.folder / f"worker-{number}.log").open("wb"))
                process = subprocess.Popen(
                    command,
                    env=self._environment(),
                    cwd=self._database.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                stack.callback(_end, process)
                working.append(process)
            yield working

    def _until(
        self, done: Callable[[], bool], progress: Callable[[], int], working: list[subprocess.Popen[bytes]]
    ) -> None:
        seen, since = -1, time.monotonic()
        while not done():
            if any(process.poll() is not None for process in working):
                raise Infeasible(f"a worker ended: {self._log()}")
            if (now := progress()) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > STANDSTILL:
                raise Infeasible(f"its workers stood still after {seen} jobs: {self._log()}")
            time.sleep(LOOK)

    def _log(self) -> str:
        return _last_line((self._database.folder / "worker-0.log").read_text(errors="replace"), 0)

    def _left(self, count: int) -> int:
        statement = self._peer.left.format(count=count)
        if self._peer.file is None:
            return int(asyncio.run(query(self._database.url, statement))[0][0])
        with closing(sqlite3.connect(self._database.folder / self._peer.file)) as db:
            return int(db.execute(statement).fetchone()[0])


def _resident(process: subprocess.Popen[bytes]) -> float:
    """Its memory with that of its children, in megabytes."""
    parent = psutil.Process(process.pid)
    return sum(one.memory_info().rss for one in [parent, *parent.children(recursive=True)]) / 1e6


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and its children, which are a session of their own."""
    with suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(text: str, code: int) -> str:
    lines = text.strip().splitlines() or [f"it ended with {code}, and said nothing"]
    return lines[-1][:300]
