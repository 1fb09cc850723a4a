"""Tables: for the terminal, and for RESULTS.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.measure import Line, Row, Spread, Topic, Unit

HEAD = ("", "median", "min – max", "against", "target", "what limits it")


def show(console: Console, topic: Topic, rows: Sequence[Row]) -> None:
    console.print(f"\n[bold]{topic.title}[/bold]  {topic.how}")
    table = Table(box=None, pad_edge=False)
    for title in HEAD:
        table.add_column(title, justify="left" if title in {"", "what limits it"} else "right")
    for row in rows:
        style = None if row.met is None else "green" if row.met else "red"
        table.add_row(*_cells(row), style=style)
    console.print(table)


def markdown(machine: Mapping[str, str], measured: Sequence[tuple[Topic, Sequence[Row]]], rounds: int) -> str:
    lines = [
        "# What Bide costs",
        "",
        "Written by `make bench`. The figures are those of one machine on one day; their ratios to a bare",
        "sqlite3 loop of the same durability, measured in turns with them, are what travels.",
        f"Each is the median of {rounds} round(s), with the lowest and the highest; ratios are taken round by round.",
        "",
        *(f"- **{name}**: {text}" for name, text in machine.items()),
    ]
    for topic, rows in measured:
        lines += ["", f"## {topic.title}", "", topic.how, "", _line(HEAD), _line(["---", *["---:"] * 4, "---"])]
        lines += [_line(_cells(row)) for row in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> list[str]:
    line = row.line
    unit = line.unit
    target = ""
    if line.target is not None:
        aim = f"{line.target.value:g} ×" if line.target.ratio else _number(line.target.value, unit)
        target = f"{line.target.sign} {aim} {'✓' if row.met else '✗'}"
    return [
        line.name,
        _number(row.figure.median, unit),
        f"{_number(row.figure.low, unit)} – {_number(row.figure.high, unit)}"
        if row.figure.low < row.figure.high
        else "",
        "" if row.ratio is None else _against(row.ratio, line),
        target,
        line.limit,
    ]


def _against(ratio: Spread, line: Line) -> str:
    """The ratio, its range over the rounds, and the case that it is taken to."""
    assert line.base is not None
    around = f" ({_short(ratio.low)}–{_short(ratio.high)})" if _short(ratio.low) != _short(ratio.high) else ""
    return f"{_short(ratio.median)}{around} × {line.base[0]}"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _number(value: float, unit: Unit) -> str:
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
