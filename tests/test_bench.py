"""The benchmark works: every measurement runs, and gives a figure. How fast is not a test's to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import report
from bench.__main__ import TOPICS
from bench.measure import Line, Row, Size, Spread, Target, Topic, percentile, run


@pytest.mark.parametrize("name", TOPICS)
def test_every_measurement_gives_a_figure(name: str, tmp_path: Path) -> None:
    topic = TOPICS[name](Size.tiny())
    rows = run(topic, rounds=1, apart=False, root=tmp_path)
    assert [row.line for row in rows] == list(topic.lines)
    assert {row.line.name for row in rows if row.figure.low <= 0} == set()
    assert {row.line.name for row in rows if row.ratio is not None and row.ratio.low <= 0} == set()
    assert {line.case for line in topic.lines} == set(topic.cases)
    assert all(line.limit for line in topic.lines)


def test_ratios_are_taken_round_by_round(tmp_path: Path) -> None:
    bare, ours = iter([100.0, 200.0, 50.0]), iter([50.0, 50.0, 50.0])
    topic = Topic(
        title="Two",
        how="By hand.",
        cases={"bare": lambda _: {"rate": next(bare)}, "bide": lambda _: {"rate": next(ours)}},
        lines=[Line("Bide", "bide", "rate", "/s", "Nothing.", base=("bare", "rate"), target=Target("≥", 0.4))],
    )
    (row,) = run(topic, rounds=3, apart=False, root=tmp_path)
    assert row.figure == Spread(50, 50, 50)
    assert row.ratio == Spread(0.5, 0.25, 1.0)
    assert row.met is True
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_missed_shows() -> None:
    line = Line("Bide", "bide", "p99", "ms", "The disk.", target=Target("<", 10, ratio=False))
    text = report.markdown({"disk": "fast"}, [(Topic("Latency", "By hand.", {}, [line]), [_row(line, 12.0)])], rounds=3)
    assert "| Bide | 12.00 ms |  |  | < 10.00 ms ✗ | The disk. |" in text


def test_percentiles() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, 50), percentile(values, 99), percentile([7.0], 50)] == [50, 99, 7]


def _row(line: Line, figure: float) -> Row:
    return Row(line, Spread(figure, figure, figure), None)
