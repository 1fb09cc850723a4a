"""The part that measures Bide beside its peers: one server, one run, the same job; in turns, round by round."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.measure import Metrics, Size, Spread, Target
from bench.peers import environments
from bench.peers.chart import bars
from bench.peers.environments import Infeasible
from bench.peers.measuring import Bench, Counts
from bench.peers.peers import OURS, OURS_BY_DEFAULT, PEERS, Peer
from bench.postgres.part import describe
from bench.postgres.server import Server
from bench.report import Part, Section, Table, number, times

TITLE = "Beside other job systems"

CHART = "peers.svg"

WORKERS = (1, 2)


@dataclass(slots=True)
class Measured:
    """What is known of a peer: the figures by kind of measurement and round, and what went wrong."""

    peer: Peer
    figures: dict[tuple[str, int], Metrics] = field(default_factory=dict[tuple[str, int], Metrics])
    errors: list[str] = field(default_factory=list[str])

    def by_round(self, kind: str, metric: str) -> Mapping[int, float]:
        """Without those rounds in which it could not be measured."""
        return {
            turn: figures[metric]
            for (measured, turn), figures in self.figures.items()
            if measured == kind and metric in figures
        }

    def values(self, kind: str, metric: str) -> Sequence[float]:
        return list(self.by_round(kind, metric).values())

    def median(self, kind: str, metric: str) -> float | None:
        values = self.values(kind, metric)
        return Spread.of(values).median if values else None


def measure(size: Size, root: Path | None) -> Section:
    counts = Counts(size.peers_enqueue, size.peers_bulk, size.peers_part)
    everyone = [Measured(peer) for peer in (OURS, OURS_BY_DEFAULT, *PEERS)]
    with Server(root) as server:
        where = describe(server, root, size.rounds)
        pythons = {measured.peer.driver: python for measured in everyone if (python := _python(measured)) is not None}
        for turn in range(size.rounds):
            for measured in everyone if turn % 2 == 0 else reversed(everyone):
                if measured.peer.driver in pythons:
                    _round(turn, measured, server, pythons[measured.peer.driver], counts)
    where["counts"] = (
        f"{counts.enqueued:,} jobs enqueued one by one, {counts.bulk:,} at once; a backlog as the table says"
    )
    return Section(TITLE, where, tables(everyone, counts), {CHART: _chart(everyone)})


def _python(measured: Measured) -> Path | None:
    try:
        return environments.interpreter(measured.peer)
    except Infeasible as error:
        measured.errors.append(f"its environment: {error}")
        return None


def _round(turn: int, measured: Measured, server: Server, python: Path, counts: Counts) -> None:
    kinds = {f"drain {workers}": partial(Bench.drain, counts=counts, workers=workers) for workers in WORKERS}
    if not measured.peer.alone:
        kinds |= {"enqueue": partial(Bench.enqueue, counts=counts), "latency": partial(Bench.latency, counts=counts)}
    for kind, what in kinds.items():
        print(f"{measured.peer.name}: {kind}", file=sys.stderr, flush=True)
        with server.database() as database:
            try:
                figures = what(Bench(measured.peer, python, database))
            except Exception as error:
                if measured.peer.is_ours:
                    raise
                measured.errors.append(f"{kind}: {type(error).__name__}: {error}")
            else:
                measured.figures[kind, turn] = figures


# ── What is told of it ───────────────────────────────────────────────────────────────────────────────────────────────

DRAIN: Mapping[str, tuple[str, str]] = {
    "1 worker /s": ("drain 1", "rate"),
    "2 workers /s": ("drain 2", "rate"),
    "MB": ("drain 1", "resident"),
}

ACCEPT: Mapping[str, tuple[str, str]] = {
    "p50 ms": ("enqueue", "enqueue p50"),
    "p99 ms": ("enqueue", "enqueue p99"),
    "1 caller /s": ("enqueue", "rate 1"),
    "10 callers /s": ("enqueue", "rate 10"),
    "100 callers /s": ("enqueue", "rate 100"),
    "many at once /s": ("enqueue", "bulk"),
    "pick-up p50 / p99 ms": ("latency", "pick-up"),
    "end to end p50 / p99 ms": ("latency", "end"),
}


def tables(everyone: Sequence[Measured], counts: Counts) -> Sequence[Table]:
    """What was aimed at, the figures of all, ours first, what they were set to, and what could not be measured."""
    found = [_targets(everyone), _drain(everyone, counts), _accept(everyone), _settings(everyone)]
    broken = [measured for measured in everyone if measured.errors]
    return [*found, _errors(broken)] if broken else found


def _drain(everyone: Sequence[Measured], counts: Counts) -> Table:
    rows = [
        [
            measured.peer.name,
            f"{counts.of(measured.peer.drained):,}",
            *(_cell(measured, *column) for column in DRAIN.values()),
            measured.peer.keeps,
        ]
        for measured in everyone
    ]
    return Table(
        "Drain",
        "The median, and the lowest and the highest. From the first line of the first job until the store says that"
        " none is left; the job does nothing but say when it ran. So the start of a worker is not in it; with that the"
        " drain of the part above begins. MB: memory of a worker after it.",
        ("", "backlog", *DRAIN, "keeps of a completed job"),
        rows,
        [None] * len(rows),
    )


def _accept(everyone: Sequence[Measured]) -> Table:
    rows = [
        [measured.peer.name, *(_cell(measured, *column) for column in ACCEPT.values())]
        for measured in everyone
        if not measured.peer.alone
    ]
    return Table(
        "Enqueue and latency",
        "Medians. No worker runs while jobs are enqueued. Pick-up: from the call that enqueues to the first line of the"
        " job, by a worker that is idle. End to end: until the caller knows the result by the peer's own means, or that"
        " it completed, where it keeps no results.",
        ("", *ACCEPT),
        rows,
        [None] * len(rows),
    )


def _settings(everyone: Sequence[Measured]) -> Table:
    rows = [[measured.peer.name, _version(measured.peer), measured.peer.settings] for measured in everyone]
    return Table("Settings", "", ("", "version", "settings"), rows, [None] * len(rows))


def _version(peer: Peer) -> str:
    return "this one" if peer.is_ours else environments.version(peer)


def _cell(measured: Measured, kind: str, metric: str) -> str:
    if kind == "latency":
        middle, last = (measured.median(kind, f"{metric} {p}") for p in ("p50", "p99"))
        return "" if middle is None or last is None else f"{middle:.1f} / {last:.1f}"
    values = measured.values(kind, metric)
    if not values:
        return ""
    spread = Spread.of(values)
    if metric.startswith("enqueue"):
        return f"{spread.median:.2f}"
    around = f" ({spread.low:,.0f}–{spread.high:,.0f})" if kind.startswith("drain") and metric == "rate" else ""
    return f"{spread.median:,.0f}{around}"


@dataclass(frozen=True, slots=True)
class Aim:
    """What Bide should reach of the best peer, or of the best line of one, at a metric; and what limits it."""

    name: str
    kind: str
    metric: str
    target: Target | None
    limit: str
    ours: Peer = OURS
    driver: str | None = None
    one_server: bool = False
    """Only of the peers on PostgreSQL."""

    def among(self, peers: Sequence[Measured]) -> Mapping[str, Mapping[int, float]]:
        """The figures by round of those it is compared with, by name."""
        return {
            one.peer.name: values
            for one in peers
            if self.driver in {None, one.peer.driver}
            and not (self.one_server and one.peer.file)
            and (values := one.by_round(self.kind, self.metric))
        }


_ONE = "A round trip and a commit, where a file needs only the commit."
_MANY = (
    "Python on one event loop: arguments checked, a future and a `Job` made of each, some 15 µs; and the statement of a"
    " row with seven index entries and an event."
)

AIMS = (
    Aim(
        "Drain, 1 worker, against pgqueuer at its best",
        "drain 1",
        "rate",
        Target("≥", 1.3),
        "The server: a row, its index entries and three events a job.",
        driver="pgqueuer",
    ),
    Aim(
        "Drain, 1 worker of 200 slots, the default, against the same",
        "drain 1",
        "rate",
        None,
        "The fixed costs of a turn, for 100 jobs, where pgqueuer's batch has 500.",
        ours=OURS_BY_DEFAULT,
        driver="pgqueuer",
    ),
    Aim(
        "Drain, 2 workers, against pgqueuer at its best",
        "drain 2",
        "rate",
        None,
        "Two cores, for two workers and two processes of the server.",
        driver="pgqueuer",
    ),
    Aim("Enqueue from 1 caller, against the best peer", "enqueue", "rate 1", None, _ONE),
    Aim("Enqueue from 10 callers, against the best peer", "enqueue", "rate 10", None, _MANY),
    Aim("Enqueue from 100 callers, against the best peer", "enqueue", "rate 100", Target("≥", 10), _MANY),
    Aim(
        "Enqueue from 100 callers, against the best on PostgreSQL",
        "enqueue",
        "rate 100",
        Target("≥", 10),
        _MANY,
        one_server=True,
    ),
)


def _targets(everyone: Sequence[Measured]) -> Table:
    ours = {measured.peer.name: measured for measured in everyone if measured.peer.is_ours}
    peers = [measured for measured in everyone if not measured.peer.is_ours]
    judged = [_judge(aim, ours[aim.ours.name].by_round(aim.kind, aim.metric), aim.among(peers)) for aim in AIMS]
    return Table(
        "Targets",
        "Ratios are taken round by round.",
        ("", "Bide", "ratio", "target", "the best of them", "what limits it"),
        [[*cells, aim.limit] for aim, (cells, _) in zip(AIMS, judged, strict=True)],
        [met for _, met in judged],
    )


def _judge(
    aim: Aim, ours: Mapping[int, float], theirs: Mapping[str, Mapping[int, float]]
) -> tuple[Sequence[str], bool | None]:
    figure = number(Spread.of(list(ours.values())).median, "/s") if ours else ""
    wanted = "" if aim.target is None else f"{aim.target.sign} {aim.target.value:g} ×"
    if not ours or not theirs:
        return [aim.name, figure, "", wanted and f"{wanted} ✗", "not measured"], None if aim.target is None else False
    medians = {name: Spread.of(list(values.values())).median for name, values in theirs.items()}
    best = max(medians, key=medians.__getitem__)
    ratio = Spread.of([ours[turn] / other for turn, other in theirs[best].items() if turn in ours])
    met = None if aim.target is None else aim.target.met(ratio.median)
    told = wanted and f"{wanted} {'✓' if met else '✗'}"
    return [aim.name, figure, f"{times(ratio)} ×", told, f"{best}: {number(medians[best], '/s')}"], met


def _errors(broken: Sequence[Measured]) -> Table:
    rows = [
        [measured.peer.name, str(len(measured.errors)), "; ".join(dict.fromkeys(measured.errors)).replace("|", "¦")]
        for measured in broken
    ]
    return Table("What could not be measured", "", ("", "times", "what it said"), rows, [None] * len(rows))


def _chart(everyone: Sequence[Measured]) -> str:
    groups = {
        "Drain with 1 worker, jobs a second": ("drain 1", "rate"),
        "Drain with 2 workers, jobs a second": ("drain 2", "rate"),
        "Enqueue from 100 callers, jobs a second": ("enqueue", "rate 100"),
    }
    figures = {
        title: {one.peer.name: median for one in everyone if (median := one.median(*what)) is not None}
        for title, what in groups.items()
    }
    return bars({title: named for title, named in figures.items() if named}, "/s", OURS.name)


PEERS_PART = Part(TITLE, measure)
