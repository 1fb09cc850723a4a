"""Cases, rounds and statistics: what is measured is data, and how often and in which order is decided here.

Every case runs in a process and a place of its own, a folder or a database, the bare loops and Bide alike, and the
cases of a topic take turns round by round: a machine that slows down meanwhile slows all of them.
"""

from __future__ import annotations

import math
import multiprocessing
import shutil
import statistics
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeAlias, TypeVar

Place = TypeVar("Place")

Metrics: TypeAlias = Mapping[str, float]
Case: TypeAlias = Callable[[Place], Metrics]
"""Measures once, in the empty place it is given. A function of a module, or a partial of one, so that it pickles."""

Places: TypeAlias = Callable[[], AbstractContextManager[Place]]
"""Makes an empty place, and clears it away."""

Unit: TypeAlias = Literal["/s", "ms", "s", "MB", "B", "%"]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    drain: int
    enqueue: int
    latency: int
    stepped: int
    asking: int
    beside: int
    among: float
    waiting: int
    posting: float
    reading: float
    streams: int
    idle: float
    peers_enqueue: int
    peers_bulk: int
    peers_part: int
    """By what the backlogs of the peers are divided."""

    @classmethod
    def full(cls) -> Size:
        return cls(
            rounds=3, drain=20_000, enqueue=20_000, latency=300, stepped=3_000, asking=1_000, beside=40_000, among=5.0,
            waiting=100_000, posting=20.0, reading=12.0, streams=2_000, idle=120.0,
            peers_enqueue=2_000, peers_bulk=20_000, peers_part=1,
        )  # fmt: skip

    @classmethod
    def quick(cls) -> Size:
        return cls(
            rounds=1,
            drain=5_000,
            enqueue=5_000,
            latency=100,
            stepped=600,
            asking=300,
            beside=10_000,
            among=1.0,
            waiting=10_000,
            posting=5.0,
            reading=6.0,
            streams=2_000,
            idle=20.0,
            peers_enqueue=200,
            peers_bulk=2_000,
            peers_part=10,
        )

    @classmethod
    def tiny(cls) -> Size:
        """Enough to see that every measurement works, and to say nothing about speed."""
        return cls(
            rounds=1, drain=60, enqueue=60, latency=4, stepped=10, asking=5, beside=400, among=0.05, waiting=40,
            posting=0.2, reading=0.3, streams=20, idle=0.2,
            peers_enqueue=10, peers_bulk=20, peers_part=1_000,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """What a line should reach: of its ratio to the bare loop, or of the figure itself where `ratio` is False."""

    sign: Literal["≥", "≤", "<"]
    value: float
    ratio: bool = True

    def met(self, figure: float) -> bool:
        match self.sign:
            case "≥":
                return figure >= self.value
            case "≤":
                return figure <= self.value
            case "<":
                return figure < self.value


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: a metric of a case, against the metric of a bare case. `limit` says what bounds it."""

    name: str
    case: str
    metric: str
    unit: Unit
    limit: str
    base: tuple[str, str] | None = None
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Topic(Generic[Place]):
    title: str
    how: str
    cases: Mapping[str, Case[Place]]
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and between what they lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """A line, measured. The ratio is taken round by round, so both of its sides saw the same state of the machine."""

    line: Line
    figure: Spread
    ratio: Spread | None

    @property
    def met(self) -> bool | None:
        target = self.line.target
        if target is None:
            return None
        judged = self.ratio if target.ratio else self.figure
        return judged is not None and target.met(judged.median)


def run(topic: Topic[Place], rounds: int, places: Places[Place], *, apart: bool = True) -> list[Row]:
    """Measure a topic. apart: each case in a process of its own; without it, in this one, which is faster to start."""
    measured: dict[str, list[Metrics]] = {name: [] for name in topic.cases}
    for number in range(rounds):
        # Every second round backwards: who comes after whom should not matter.
        order = list(topic.cases.items())
        for name, case in order if number % 2 == 0 else reversed(order):
            with places() as place:
                measured[name].append(_call_apart(case, place) if apart else case(place))
    return [_row(line, measured) for line in topic.lines]


def folders(root: Path | None) -> Places[Path]:
    """Folders within this one, or within the system's temporary folder."""

    @contextmanager
    def folder() -> Generator[Path]:
        made = Path(tempfile.mkdtemp(prefix="bide-bench-", dir=root))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    return folder


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def quantiles(seconds: Sequence[float]) -> Metrics:
    """The p50 and the p99 of latencies in seconds, in milliseconds."""
    return {"p50": percentile(seconds, 50) * 1_000, "p99": percentile(seconds, 99) * 1_000}


def _row(line: Line, measured: Mapping[str, Sequence[Metrics]]) -> Row:
    figures = [metrics[line.metric] for metrics in measured[line.case]]
    ratio = None
    if line.base is not None:
        case, metric = line.base
        ratio = Spread.of([ours / bare[metric] for ours, bare in zip(figures, measured[case], strict=True)])
    return Row(line, Spread.of(figures), ratio)


def _call_apart(case: Case[Place], place: Place) -> Metrics:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(case, place).result()
