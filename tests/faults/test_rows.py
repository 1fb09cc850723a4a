"""Every row of the table of faults has a test, every test here belongs to a row, and each row's fault was planted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.rows import Row
from tests.mutants.patches import PATCHES

FOLDER = Path(__file__).parent


def rows_by_test() -> Iterator[tuple[str, list[str]]]:
    """Each test of this folder as `faults/test_x.py::test_y`, with the names of the rows it says it covers."""
    for source in sorted(FOLDER.glob("test_*.py")):
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
            if source != Path(__file__):
                yield f"{FOLDER.name}/{source.name}::{node.name}", rows


def test_every_fault_is_provoked_and_every_test_says_which() -> None:
    covered = dict(rows_by_test())
    assert [test for test, rows in covered.items() if not rows] == []
    assert {row.name for row in Row} - {row for rows in covered.values() for row in rows} == set()


def test_for_every_fault_a_patch_shows_that_its_test_can_fail() -> None:
    covered = dict(rows_by_test())
    planted = {row for patch in PATCHES for row in covered.get(patch.test.partition("[")[0], ())}
    assert {row.name for row in Row} - planted == set()


IN_SQL = {"KILL_AT_ANSWER", "ZOMBIE", "SIGTERM", "LATE_ANSWER", "DELETE_RACE", "TWO_VERSIONS"}
"""What is decided in statements, of which every store has its own; the rest is one code for all of them."""


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_what_statements_decide_is_patched_in_every_store(store: str) -> None:
    covered = dict(rows_by_test())
    patches = [patch for patch in PATCHES if patch.file.startswith(f"store/{store}/")]
    planted = {row for patch in patches for row in covered.get(patch.test.partition("[")[0], ())}
    assert IN_SQL - planted == set()
