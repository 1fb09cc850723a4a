"""What the measurement asks of a peer, the same of all: `python -m bench.peers.drivers.NAME TASK`, a task being JSON.

Runs in the environment of the peer. Times are seconds; figures are written as JSON into the file that the task names.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bench.marks import Marks, until

Role: TypeAlias = Literal["set up", "fill", "enqueue", "latency", "work"]

CALLERS = (1, 10, 100)

WARM_UP = 50
"""Jobs that are enqueued before any is timed."""

SPARE = 1_000
"""Marks for the jobs by which a worker is found to work."""

LOOK = 0.001
"""Seconds between two looks whether a job has begun."""

PAUSE = 0.02
"""Seconds between two jobs of an idle worker, about: from half of it to one and a half, so that no rhythm is met."""

PATIENCE = 30.0
"""Seconds after which a job counts as lost."""

FILLERS = 20
"""Callers that fill the queue of a peer that takes one job at a time."""


@dataclass(frozen=True, slots=True)
class Task:
    """`url`: the database. `folder`: where a peer may have files of its own. `many`: how many jobs at once, or to their
    results."""

    role: Role
    url: str
    folder: str
    count: int = 0
    many: int = 0
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @property
    def marks(self) -> Path:
        return Path(self.folder, "marks")

    @property
    def figures(self) -> Path:
        return Path(self.folder, "figures.json")


class Driver(ABC):
    """A peer, for one task. It is opened for everything but `set_up` and `work`."""

    takes_many = True

    def __init__(self, task: Task) -> None:
        self.url = task.url
        self.folder = Path(task.folder)
        self.options = task.options
        self.marks = Marks(task.marks)

    @abstractmethod
    async def set_up(self) -> None:
        """Make the tables."""

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def enqueue(self, number: int) -> Any:
        """Enqueue the job that marks this number; what is returned is for `result`."""

    async def enqueue_many(self, numbers: Sequence[int]) -> None:
        """Enqueue them by the peer's own call for many."""
        raise NotImplementedError

    @abstractmethod
    async def result(self, handle: Any) -> None:
        """Wait for the result, or for the final state where the peer keeps no results."""

    @abstractmethod
    async def work(self) -> None:
        """Execute jobs until the process is ended."""


def main(make: type[Driver]) -> None:
    task = Task(**json.loads(sys.argv[1]))
    driver = make(task)
    match task.role:
        case "set up":
            _run(driver.set_up())
        case "work":
            _run(driver.work())
        case "fill":
            _run(_opened(driver, _fill(driver, task.count)))
        case "enqueue":
            task.figures.write_text(json.dumps(_run(_opened(driver, _enqueue(driver, task.count, task.many)))))
        case "latency":
            task.figures.write_text(json.dumps(_run(_opened(driver, _latency(driver, task.count, task.many)))))


def _run(body: Coroutine[Any, Any, Any]) -> Any:
    """On uvloop, where the requirements of the peer name it."""
    try:
        loop: Any = import_module("uvloop")
    except ImportError:
        return asyncio.run(body)
    return loop.run(body)


async def _opened(driver: Driver, body: Coroutine[Any, Any, Any]) -> Any:
    await driver.open()
    try:
        return await body
    finally:
        await driver.close()


async def _fill(driver: Driver, count: int) -> None:
    if driver.takes_many:
        await driver.enqueue_many(range(count))
    else:
        await _by(FILLERS, driver, iter(range(count)), [])


async def _enqueue(driver: Driver, count: int, bulk: int) -> dict[str, float]:
    """Rates of one, ten and a hundred callers, and of many at once; no worker runs."""
    for number in range(WARM_UP):
        await driver.enqueue(number)
    figures: dict[str, float] = {}
    for callers in CALLERS:
        taken: list[float] = []
        began = time.perf_counter()
        await _by(callers, driver, iter(range(count)), taken)
        figures[f"rate {callers}"] = count / (time.perf_counter() - began)
        if callers == 1:
            figures |= _quantiles("enqueue", taken)
    if driver.takes_many:
        began = time.perf_counter()
        await driver.enqueue_many(range(bulk))
        figures["bulk"] = bulk / (time.perf_counter() - began)
    return figures


async def _by(callers: int, driver: Driver, numbers: Iterator[int], taken: list[float]) -> None:
    async def caller() -> None:
        for number in numbers:
            began = time.perf_counter()
            await driver.enqueue(number)
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(callers)))


async def _latency(driver: Driver, count: int, ends: int) -> dict[str, float]:
    """From the call that enqueues to the first line of the job, and to its result; a worker runs and is idle."""
    await _warm(driver, count + ends)
    picked_up: list[float] = []
    for number in range(count):
        began = time.monotonic()
        await driver.enqueue(number)
        async with asyncio.timeout(PATIENCE):
            await until(lambda: driver.marks.is_set(number), LOOK)  # noqa: B023 - awaited before the next number
        picked_up.append(driver.marks[number] - began)
        await _pause(number)
    ended: list[float] = []
    for number in range(count, count + ends):
        began = time.monotonic()
        handle = await driver.enqueue(number)
        async with asyncio.timeout(PATIENCE):
            await driver.result(handle)
        ended.append(time.monotonic() - began)
        await _pause(number)
    return _quantiles("pick-up", picked_up) | _quantiles("end", ended)


async def _warm(driver: Driver, first: int) -> None:
    """Enqueue until the worker has run one: by then it works."""
    for number in count(first):
        await driver.enqueue(number)
        for _ in range(10):
            await asyncio.sleep(0.1)
            if driver.marks.is_set(number):
                await asyncio.sleep(1)
                return


async def _pause(number: int) -> None:
    await asyncio.sleep(PAUSE * (0.5 + number * 7919 % 100 / 100))


def _quantiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """The p50 and the p99, in milliseconds."""
    ordered = sorted(seconds)
    return {f"{name} p{p}": ordered[max(0, math.ceil(len(ordered) * p / 100) - 1)] * 1_000 for p in (50, 99)}
