"""Tables: for the terminal, and for RESULTS.md, where each part of the benchmark has a section of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from bench.measure import Line, Row, Size, Spread, Topic, Unit

HEAD = ("", "median", "min – max", "against", "target", "what limits it")

INTRODUCTION = """\
# What Bide costs

Written by `make bench`, part by part: each says when and where it was measured. The figures are those of one machine on
one day; their ratios to what was measured in turns with them, a bare loop or a peer of the same durability, are what
travels. Each is the median of several rounds, with the lowest and the highest; ratios are taken round by round.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """`met`: for each row whether it reaches its target, or None where it has none."""

    title: str
    how: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    met: Sequence[bool | None]

    @property
    def missed(self) -> Sequence[str]:
        return [row[0] for row, met in zip(self.rows, self.met, strict=True) if met is False]


@dataclass(frozen=True, slots=True)
class Section:
    """What a part has found. `where`: the machine, versions, settings. `charts`: SVG by file name."""

    title: str
    where: Mapping[str, str]
    tables: Sequence[Table]
    charts: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Part:
    """`measure`: in the folder given, or in the system's temporary one. Its section has the title of the part."""

    title: str
    measure: Callable[[Size, Path | None], Section]


def table(topic: Topic[Any], rows: Sequence[Row]) -> Table:
    return Table(topic.title, topic.how, HEAD, [_cells(row) for row in rows], [row.met for row in rows])


def show(console: Console, section: Section) -> None:
    console.print(f"\n[bold]{section.title}[/bold]")
    for name, text in section.where.items():
        console.print(f"{name:>10}  {text}", highlight=False, markup=False)
    for shown in section.tables:
        console.print(f"\n[bold]{shown.title}[/bold]  {shown.how}")
        grid = Grid(box=None, pad_edge=False)
        for title in shown.head:
            grid.add_column(title, justify="left" if title in {"", shown.head[-1]} else "right")
        for cells, met in zip(shown.rows, shown.met, strict=True):
            grid.add_row(*cells, style=None if met is None else "green" if met else "red")
        console.print(grid)


def markdown(section: Section) -> str:
    lines = [f"## {section.title}", "", f"*{'; '.join(f'{name}: {text}' for name, text in section.where.items())}*"]
    for name in section.charts:
        lines += ["", f"![{section.title}]({name})"]
    for shown in section.tables:
        if shown.title != section.title:
            lines += ["", f"### {shown.title}"]
        if shown.how:
            lines += ["", shown.how]
        lines += ["", _line(shown.head), _line(["---", *["---:"] * (len(shown.head) - 2), "---"])]
        lines += [_line(row) for row in shown.rows]
    return "\n".join(lines) + "\n"


def replaced(results: str, section: Section, order: Sequence[str]) -> str:
    """The results with this section in place of the one of its title. `order`: the titles of all sections there are."""
    parts = {section.title: markdown(section)}
    for text in re.split(r"^(?=## )", results, flags=re.MULTILINE)[1:]:
        parts.setdefault(text.partition("\n")[0].removeprefix("## "), text.strip() + "\n")
    return "\n".join([INTRODUCTION, *(parts[title] for title in order if title in parts)])


def write(path: Path, section: Section, order: Sequence[str]) -> None:
    """Put the section into the file of results, and its charts beside it."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(replaced(before, section, order), encoding="utf-8")
    for name, picture in section.charts.items():
        path.with_name(name).write_text(picture, encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> list[str]:
    line = row.line
    unit = line.unit
    target = ""
    if line.target is not None:
        aim = f"{line.target.value:g} ×" if line.target.ratio else number(line.target.value, unit)
        target = f"{line.target.sign} {aim} {'✓' if row.met else '✗'}"
    return [
        line.name,
        number(row.figure.median, unit),
        f"{number(row.figure.low, unit)} – {number(row.figure.high, unit)}" if row.figure.low < row.figure.high else "",
        "" if row.ratio is None else _against(row.ratio, line),
        target,
        line.limit,
    ]


def _against(ratio: Spread, line: Line) -> str:
    """The ratio, its range over the rounds, and the case that it is taken to."""
    assert line.base is not None
    return f"{times(ratio)} × {line.base[0]}"


def times(ratio: Spread) -> str:
    """The ratio, and its range over the rounds."""
    around = f" ({_short(ratio.low)}–{_short(ratio.high)})" if _short(ratio.low) != _short(ratio.high) else ""
    return f"{_short(ratio.median)}{around}"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def number(value: float, unit: Unit) -> str:
    match unit:
        case "/s":
            return f"{value:,.0f}/s"
        case "ms":
            return f"{value:,.2f} ms" if value < 100 else f"{value:,.0f} ms"
        case "s":
            return f"{value:.2f} s"
        case "MB":
            return f"{value:.0f} MB"
        case "B":
            return f"{value:,.0f} B"
        case "%":
            return f"{value:.1f} %"
