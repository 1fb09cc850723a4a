"""Whatever commit a process is killed at, before or after it, nothing acknowledged is lost, and nothing repeated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.crash.faults import MODES, Commit, Place, sql_files
from tests.crash.runner import places

pytestmark = pytest.mark.timeout(400)  # half a thousand crashes: a minute, where the machine is free


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command found, in an interpreter without threads: its children are forks."""
    file = tmp_path_factory.mktemp("crash") / "found.json"
    command = [sys.executable, "-m", "tests.crash", "--json", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert file.exists(), run.stdout + run.stderr
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return {**read, "said": run.stdout}


def test_the_scenario_reaches_every_sql_file(found: dict[str, Any]) -> None:
    missing = sorted(sql_files().keys() - set(found["files"]))
    assert missing == [], "let a story of tests/crash/scenario.py use what these are for"


def test_a_crash_at_any_commit_is_survived(found: dict[str, Any]) -> None:
    outcomes: list[tuple[int, str, str | None]] = [(n, mode, error) for n, mode, error in found["outcomes"]]
    commits = range(1, len(found["commits"]) + 1)
    assert {(n, mode) for n, mode, _ in outcomes} == {(n, mode) for n in commits for mode in MODES}
    assert len(commits) > 150, "the scenario has become much smaller"
    assert [f"commit {n}, {mode}:\n{error}" for n, mode, error in outcomes if error] == []


def test_the_table_shows_every_commit(found: dict[str, Any], show: Callable[[str], None]) -> None:
    table: str = found["said"]
    show(f"crashes: {table.splitlines()[-1]} (the table: make crash)")
    rows = [line.split() for line in table.splitlines()]
    numbers = [int(row[0]) for row in rows if row and row[0].isdigit() and row[2:5] == ["sound"] * 3]
    assert numbers == list(range(1, len(found["commits"]) + 1))


def test_files_are_told_apart_by_their_text() -> None:
    """Which file was executed is known by its text: one that nothing executes cannot pass for reached."""
    assert len(set(sql_files().values())) == len(sql_files())


def test_a_commit_is_found_again_by_the_rarest_thing_it_does() -> None:
    commits = [
        Commit("a", ("note", "ask")),
        Commit("a", ("note",)),
        Commit("b", ("note",)),
        Commit("a", ("ask", "note")),
    ]
    assert places(commits) == [Place("a", "ask", 1), Place("a", "note", 2), Place("b", "note", 1), Place("a", "ask", 2)]
