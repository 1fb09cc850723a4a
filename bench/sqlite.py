"""The parts that measure Bide on SQLite, beside a bare sqlite3 loop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bench import machine, report
from bench.measure import Size, Topic, folders, run
from bench.report import Part, Section

DURABILITY = "WAL, synchronous=FULL, bare and Bide alike: every commit is on the disk before it is answered"


def part(topic: Callable[[Size], Topic[Path]]) -> Part:
    title = topic(Size.tiny()).title

    def measure(size: Size, root: Path | None) -> Section:
        where = machine.describe(root, rounds=size.rounds, versions=f"SQLite {sqlite3.sqlite_version}")
        measured = topic(size)
        rows = run(measured, size.rounds, folders(root))
        return Section(title, {**where, "durability": DURABILITY}, [report.table(measured, rows)])

    return Part(title, measure)
