"""Whatever commit a process is killed at, before or after it, nothing acknowledged is lost, and nothing repeated.

Each store has a file of tests, so that both can be crashed at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from tests.crash.faults import MODES, Commit
from tests.crash.runner import GROUNDS, firsts


class EveryWrite:
    """Derive a test class from this one, for one of the stores."""

    store: ClassVar[str]
    only_firsts: ClassVar[bool] = False
    """Whether to crash at the first commit of each kind alone."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        """What the command found, in an interpreter without threads: its children are forks."""
        file = tmp_path_factory.mktemp("crash") / "found.json"
        options = ["--firsts"] if cls.only_firsts else []
        command = [sys.executable, "-m", "tests.crash", cls.store, "--json", str(file), *options]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert file.exists(), run.stdout + run.stderr
        read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))[cls.store]
        return {**read, "said": run.stdout}

    def crashed_at(self, found: dict[str, Any]) -> list[int]:
        commits = [Commit(story, tuple(files)) for story, files in found["commits"]]
        return firsts(commits) if self.only_firsts else list(range(1, len(commits) + 1))

    def test_the_scenario_reaches_every_sql_file(self, found: dict[str, Any]) -> None:
        missing = sorted(GROUNDS[self.store]().texts().keys() - set(found["files"]))
        assert missing == [], "let a story of tests/crash/scenario.py use what these are for"

    def test_a_crash_at_any_commit_is_survived(self, found: dict[str, Any]) -> None:
        outcomes: list[tuple[int, str, str | None]] = [(n, mode, error) for n, mode, error in found["outcomes"]]
        assert {(n, mode) for n, mode, _ in outcomes} == {(n, mode) for n in self.crashed_at(found) for mode in MODES}
        assert len(found["commits"]) > 200, "the scenario has become much smaller"
        assert [f"commit {n}, {mode}:\n{error}" for n, mode, error in outcomes if error] == []

    def test_the_table_shows_every_commit(self, found: dict[str, Any], show: Callable[[str], None]) -> None:
        table: str = found["said"]
        show(f"crashes: {table.splitlines()[-1]} (the table: make crash)")
        rows = [line.split() for line in table.splitlines()]
        numbers = [int(row[0]) for row in rows if row and row[0].isdigit()]
        assert numbers == list(range(1, len(found["commits"]) + 1))
        sound = [int(row[0]) for row in rows if row and row[0].isdigit() and row[2:5] == ["sound"] * 3]
        assert sound == self.crashed_at(found)

    def test_files_are_told_apart_by_their_text(self) -> None:
        """Which file was executed is known by its text: one that nothing executes cannot pass for reached."""
        statements = GROUNDS[self.store]().statements()
        assert len(set(statements.values())) == len(statements)
