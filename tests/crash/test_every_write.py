"""Whatever commit a process is killed at, before or after it, nothing acknowledged is lost, and nothing repeated.

On SQLite every commit is crashed at. On PostgreSQL it is here the first commit of each kind, and every one of them by
`make crash`: a scenario takes a few times as long there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.faults import MODES, Commit, Place, with_parts
from tests.crash.ground import Ground
from tests.crash.runner import GROUNDS, firsts, places

pytestmark = pytest.mark.timeout(600)  # half a thousand crashes: a minute, where the machine is free


@pytest.fixture(scope="module", params=GROUNDS)
def ground(request: pytest.FixtureRequest) -> Ground:
    return GROUNDS[request.param]()


@pytest.fixture(scope="module")
def found(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command found, in an interpreter without threads: its children are forks."""
    file: Path = tmp_path_factory.mktemp("crash") / "found.json"
    command = [sys.executable, "-m", "tests.crash", ground.name, "--json", str(file)]
    if ground.name == "postgres":
        command.append("--firsts")
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert file.exists(), run.stdout + run.stderr
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))[ground.name]
    return {**read, "said": run.stdout}


def crashed_at(ground: Ground, found: dict[str, Any]) -> list[int]:
    commits = [Commit(story, tuple(files)) for story, files in found["commits"]]
    return firsts(commits) if ground.name == "postgres" else list(range(1, len(commits) + 1))


def test_the_scenario_reaches_every_sql_file(ground: Ground, found: dict[str, Any]) -> None:
    missing = sorted(ground.texts().keys() - set(found["files"]))
    assert missing == [], "let a story of tests/crash/scenario.py use what these are for"


def test_a_crash_at_any_commit_is_survived(ground: Ground, found: dict[str, Any]) -> None:
    outcomes: list[tuple[int, str, str | None]] = [(n, mode, error) for n, mode, error in found["outcomes"]]
    assert {(n, mode) for n, mode, _ in outcomes} == {(n, mode) for n in crashed_at(ground, found) for mode in MODES}
    assert len(found["commits"]) > 150, "the scenario has become much smaller"
    assert [f"commit {n}, {mode}:\n{error}" for n, mode, error in outcomes if error] == []


def test_the_table_shows_every_commit(ground: Ground, found: dict[str, Any], show: Callable[[str], None]) -> None:
    table: str = found["said"]
    show(f"crashes: {table.splitlines()[-1]} (the table: make crash)")
    rows = [line.split() for line in table.splitlines()]
    numbers = [int(row[0]) for row in rows if row and row[0].isdigit()]
    assert numbers == list(range(1, len(found["commits"]) + 1))
    sound = [int(row[0]) for row in rows if row and row[0].isdigit() and row[2:5] == ["sound"] * 3]
    assert sound == crashed_at(ground, found)


def test_files_are_told_apart_by_their_text(ground: Ground) -> None:
    """Which file was executed is known by its text: one that nothing executes cannot pass for reached."""
    assert len(set(ground.statements().values())) == len(ground.statements())


def test_what_a_file_includes_or_calls_is_reached_with_it() -> None:
    texts = {"a": "{{b}} where bide.c_v1(1)", "b": "", "c_v1": "select bide.d_v1()", "d_v1": "", "e": "{{a}}"}
    assert with_parts(["a"], texts) == {"a", "b", "c_v1", "d_v1"}


def test_a_commit_is_found_again_by_the_rarest_thing_it_does() -> None:
    commits = [
        Commit("a", ("note", "ask")),
        Commit("a", ("note",)),
        Commit("b", ("note",)),
        Commit("a", ("ask", "note")),
    ]
    assert places(commits) == [Place("a", "ask", 1), Place("a", "note", 2), Place("b", "note", 1), Place("a", "ask", 2)]
    assert firsts(commits) == [1, 2]
