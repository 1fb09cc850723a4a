"""Every row of the table of faults has a test, and every test here belongs to a row."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.faults.rows import Row


def test_every_fault_is_provoked_and_every_test_says_which() -> None:
    covered: dict[str, list[str]] = {row.name: [] for row in Row}
    homeless: list[str] = []
    for source in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            rows = [
                row.attr
                for mark in node.decorator_list
                if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "covers"
                for row in mark.args
                if isinstance(row, ast.Attribute)
            ]
            if not rows and source != Path(__file__):
                homeless.append(f"{source.name}::{node.name}")
            for row in rows:
                covered[row].append(f"{source.name}::{node.name}")
    assert homeless == []
    assert [row for row, tests in covered.items() if not tests] == []
