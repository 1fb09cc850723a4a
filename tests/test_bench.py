"""The benchmark works: every measurement runs, and gives a figure. How fast is not a test's to say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench import drain, enqueue, http, latency, memory, processes, report, steps
from bench.__main__ import PARTS
from bench.measure import Line, Places, Row, Size, Spread, Target, Topic, folders, percentile, run
from bench.peers import environments
from bench.peers.chart import bars
from bench.peers.environments import Infeasible
from bench.peers.measuring import Bench, Counts
from bench.peers.part import PEERS_PART, Measured, tables
from bench.peers.peers import OURS, OURS_BY_DEFAULT, PEERS
from bench.postgres import jobs
from bench.postgres.jobs import App
from bench.postgres.part import POSTGRES_PART, topics
from bench.postgres.server import DURABLE, Server, query
from bench.report import Section, Table, replaced

SQLITE = [module.topic for module in (drain, enqueue, latency, processes, memory, steps, http)]


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    """One of its own: that of the other tests does not wait for the disk."""
    with Server(log=0) as server:
        yield server


@pytest.mark.parametrize("topic", [topic(Size.tiny()) for topic in SQLITE], ids=lambda topic: topic.title)
def test_every_measurement_gives_a_figure(topic: Topic[Path], tmp_path: Path) -> None:
    _measure(topic, folders(tmp_path))


@pytest.mark.parametrize("topic", topics(Size.tiny()), ids=lambda topic: topic.title)
def test_every_measurement_on_postgresql_gives_a_figure(topic: Topic[Any], server: Server) -> None:
    _measure(topic, server.database)


def test_every_part_is_tested_here() -> None:
    titles = [topic(Size.tiny()).title for topic in SQLITE]
    assert [part.title for part in PARTS.values()] == [*titles, POSTGRES_PART.title, PEERS_PART.title]


def test_ratios_are_taken_round_by_round(tmp_path: Path) -> None:
    bare, ours = iter([100.0, 200.0, 50.0]), iter([50.0, 50.0, 50.0])
    topic: Topic[Path] = Topic(
        title="Two",
        how="By hand.",
        cases={"bare": lambda _: {"rate": next(bare)}, "bide": lambda _: {"rate": next(ours)}},
        lines=[Line("Bide", "bide", "rate", "/s", "Nothing.", base=("bare", "rate"), target=Target("≥", 0.4))],
    )
    (row,) = run(topic, 3, folders(tmp_path), apart=False)
    assert row.figure == Spread(50, 50, 50)
    assert row.ratio == Spread(0.5, 0.25, 1.0)
    assert row.met is True
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_missed_shows() -> None:
    line = Line("Bide", "bide", "p99", "ms", "The disk.", target=Target("<", 10, ratio=False))
    table = report.table(Topic("Latency", "By hand.", {}, [line]), [_row(line, 12.0)])
    text = report.markdown(Section("Latency", {"disk": "fast"}, [table]))
    assert "| Bide | 12.00 ms |  |  | < 10.00 ms ✗ | The disk. |" in text
    assert table.missed == ["Bide"]


def test_a_part_replaces_its_own_section_and_no_other(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    order = ["First", "Second", "Third"]
    for title, figure in (("Third", "1"), ("First", "2"), ("First", "3")):
        table = Table("Inside", "", ("", "median", ""), [("Bide", figure, "")], [None])
        section = Section(title, {"measured": f"day {figure}"}, [table], {f"{title}.svg": f"<svg>{figure}</svg>"})
        report.write(results, section, order)
    text = results.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## First", "## Third"]
    assert "*measured: day 3*" in text
    assert "*measured: day 1*" in text
    assert "day 2" not in text
    assert (tmp_path / "First.svg").read_text(encoding="utf-8") == "<svg>3</svg>"
    assert replaced(text, Section("Second", {}, []), order).count("### Inside") == 2


def test_percentiles() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, 50), percentile(values, 99), percentile([7.0], 50)] == [50, 99, 7]


# ── The peers: none is installed here, but what measures them measures Bide as well ──────────────────────────────────


@pytest.mark.parametrize("kind", ["enqueue", "drain", "latency"])
def test_bide_is_measured_as_a_peer(kind: str, server: Server) -> None:
    counts = Counts(enqueued=5, bulk=10, part=10_000)
    with server.database() as database:
        bench = Bench(OURS, Path(sys.executable), database)
        match kind:
            case "enqueue":
                figures = bench.enqueue(counts)
            case "drain":
                figures = bench.drain(counts, workers=2)
            case _:
                figures = bench.latency(counts)
    assert min(figures.values()) > 0


def test_a_peer_that_fails_is_told_of(server: Server) -> None:
    # Its packages are not here.
    peer = next(peer for peer in PEERS if peer.driver == "oban")
    with server.database() as database, pytest.raises(Infeasible, match="No module named 'oban'"):
        Bench(peer, Path(sys.executable), database).enqueue(Counts(5, 10, 10_000))


def test_every_peer_has_a_driver_and_pinned_requirements() -> None:
    folder = Path(environments.__file__).with_name("drivers")
    assert {peer.driver for peer in (OURS, *PEERS)} == {path.stem for path in folder.glob("*.py")} - {"__init__"}
    for peer in PEERS:
        assert environments.version(peer)
        requirements = environments.REQUIREMENTS / f"{peer.driver}.txt"
        assert all("==" in line for line in requirements.read_text(encoding="utf-8").splitlines())


def test_a_driver_needs_nothing_of_this_repository_but_its_marks(tmp_path: Path) -> None:
    code = "import bench.peers.driver, sys; print(*sorted(name for name in sys.modules if name.startswith('bench')))"
    root = Path(environments.__file__).parents[2]
    loaded = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"],
                            capture_output=True, text=True, check=True, cwd=tmp_path)  # fmt: skip
    assert loaded.stdout.split() == ["bench", "bench.marks", "bench.peers", "bench.peers.driver"]


def test_figures_of_peers_are_told_against_the_best_and_errors_are_not_dropped() -> None:
    ours, default, *others = [Measured(peer) for peer in (OURS, OURS_BY_DEFAULT, *PEERS)]
    ours.figures = {
        ("drain 1", 0): {"rate": 200.0, "resident": 50.0},
        ("enqueue", 0): {"rate 100": 100.0},
        ("enqueue", 1): {"rate 100": 900.0},
    }
    default.figures = {("drain 1", 0): {"rate": 165.0, "resident": 50.0}}
    for measured in others:
        if measured.peer.driver == "pgqueuer":
            measured.figures = {("drain 1", 0): {"rate": 100.0 + measured.peer.options["batch"] / 10, "resident": 1.0}}
        elif measured.peer.driver == "saq":
            # Its first round has failed: its second is held against ours.
            measured.figures = {("enqueue", 1): {"rate 100": 90.0}}
        elif measured.peer.driver == "huey":
            measured.figures = {("enqueue", 1): {"rate 100": 100.0}}
        else:
            measured.errors.append("drain 1: it would not")
    targets, drained_all, _, settings, errors = tables([ours, default, *others], Counts(5, 10, 1))
    assert [row[0] for row in drained_all.rows] == [peer.name for peer in (OURS, OURS_BY_DEFAULT, *PEERS)]
    assert [row[0] for row in settings.rows] == [peer.name for peer in (OURS, OURS_BY_DEFAULT, *PEERS)]
    assert all(row[-1] for row in targets.rows), "each says what limits it"
    drained, by_default, unmeasured, *_, enqueued, on_one_server = [row[:-1] for row in targets.rows]
    assert drained[1:] == ["200/s", "1.33 ×", "≥ 1.3 × ✓", "pgqueuer, batch 500: 150/s"]
    assert by_default[1:] == ["165/s", "1.10 ×", "", "pgqueuer, batch 500: 150/s"]
    assert unmeasured[1:] == ["", "", "", "not measured"]
    assert enqueued[1:] == ["500/s", "9.00 ×", "≥ 10 × ✗", "Huey (SQLite): 100/s"]
    assert on_one_server[1:] == ["500/s", "10 ×", "≥ 10 × ✓", "SAQ (PostgreSQL): 90/s"]
    assert targets.missed == [enqueued[0]]
    assert len(errors.rows) == len(PEERS) - 5
    assert errors.rows[0][2] == "drain 1: it would not"


def test_a_chart_is_a_picture() -> None:
    picture = bars({"Jobs <1>": {"Bide": 200.0, "other & co": 50.0}}, "/s", "Bide")
    root = ET.fromstring(picture)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["Jobs <1>", "Bide", "200/s", "other & co", "50/s"]
    rects = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert [element.get("class") for element in rects] == ["ours", "theirs"]
    assert float(rects[0].attrib["width"]) == 4 * float(rects[1].attrib["width"])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("update bide.job set result = null where id = (select min(id) from bide.job)", "with a result"),
        ("delete from bide.event where seq = 2 and job = (select min(id) from bide.job)", "not whole"),
        ("delete from bide.event where job = (select min(id) from bide.job)", "not whole"),
        ("update bide.job set status = 'failed' where id = (select min(id) from bide.job)", "but completed"),
    ],
)
def test_a_run_that_dropped_a_promise_gives_no_figure(harm: str, told: str, server: Server) -> None:
    async def body(app: App) -> None:
        async with app.bide.worker():
            for n in range(3):
                assert await app.bide.result(await app.noop.enqueue(n)) == n
        await jobs.verify(app.url, completed=3, events=3)
        await query(app.url, harm)
        with pytest.raises(AssertionError, match=told):
            await jobs.verify(app.url, completed=3, events=3)

    with server.database() as database:
        jobs.measure(body, database)


def test_the_server_that_is_measured_is_durable(server: Server) -> None:
    assert server.settings().items() >= DURABLE.items()


def _measure(topic: Topic[Any], places: Places[Any]) -> None:
    rows = run(topic, 1, places, apart=False)
    assert [row.line for row in rows] == list(topic.lines)
    assert {row.line.name for row in rows if row.figure.low <= 0} == set()
    assert {row.line.name for row in rows if row.ratio is not None and row.ratio.low <= 0} == set()
    assert {line.case for line in topic.lines} == set(topic.cases)
    assert all(line.limit for line in topic.lines)


def _row(line: Line, figure: float) -> Row:
    return Row(line, Spread(figure, figure, figure), None)
