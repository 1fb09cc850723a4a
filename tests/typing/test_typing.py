"""The public API under both type checkers: what is right passes, and every known mistake is seen by each of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TypeAlias

import pytest

import bide

HERE = Path(__file__).parent
GOOD = HERE / "good.py"
BAD = HERE / "bad.py"
LIBRARY = str(Path(bide.__file__).parents[1])

Errors: TypeAlias = dict[int, set[str]]
"""Line number to the codes of the errors on it."""

_MYPY_LINE = re.compile(r"^(?P<file>.+?):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$")


def checker(*arguments: str, folder: Path) -> str:
    """Run a checker of this environment as a user would who has only strictness switched on; returns what it says."""
    run = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": LIBRARY, "MYPYPATH": LIBRARY, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr  # more than errors in the file: the checker itself failed
    return run.stdout


def mypy(file: Path, folder: Path) -> Errors:
    # Without the project's own configuration, but for two checks that --strict leaves out: they see a decision that is
    # used as a truth value, and a match that forgets a case.
    options = ["--strict", "--warn-unreachable", "--enable-error-code=exhaustive-match", "--config-file="]
    report = checker("mypy", *options, f"--cache-dir={folder / 'cache'}", str(file), folder=folder)
    errors: Errors = defaultdict(set)
    for line in report.splitlines():
        if ": error:" in line:
            found = _MYPY_LINE.match(line)
            assert found is not None, line
            assert Path(found["file"]).name == file.name, line
            errors[int(found["line"])].add(found["code"])
    return dict(errors)


def pyright(file: Path, folder: Path) -> Errors:
    # A copy elsewhere: the project keeps bad.py out of its own run, and that holds for a file named by hand as well.
    (folder / file.name).write_text(file.read_text())
    options = {"include": [file.name], "typeCheckingMode": "strict", "extraPaths": [LIBRARY]}
    (folder / "pyrightconfig.json").write_text(json.dumps(options))
    report = json.loads(
        checker("pyright", "--outputjson", "--project", str(folder), "--pythonpath", sys.executable, folder=folder)
    )
    assert report["summary"]["filesAnalyzed"] == 1, report["summary"]
    errors: Errors = defaultdict(set)
    for found in report["generalDiagnostics"]:
        assert found["severity"] == "error", found
        errors[found["range"]["start"]["line"] + 1].add(found.get("rule", found["message"]))
    return dict(errors)


def expected(checker: str) -> Errors:
    """What the comments in bad.py say: `# E mypy: arg-type  # E pyright: reportArgumentType, reportCallIssue`."""
    errors: Errors = {}
    for number, line in enumerate(BAD.read_text().splitlines(), start=1):
        said = re.search(rf"# E {checker}: ([\w, -]+)", line)
        if said is not None:
            errors[number] = {code.strip() for code in said[1].split(",")}
    return errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, so that mypy reads the libraries once."""
    return tmp_path_factory.mktemp("typing")


def test_mypy_accepts_the_right_program(folder: Path) -> None:
    assert mypy(GOOD, folder) == {}


def test_pyright_accepts_the_right_program(folder: Path) -> None:
    assert pyright(GOOD, folder) == {}


def test_mypy_sees_each_mistake(folder: Path) -> None:
    assert mypy(BAD, folder) == expected("mypy")


def test_pyright_sees_each_mistake(folder: Path) -> None:
    assert pyright(BAD, folder) == expected("pyright")


def test_each_mistake_is_one_for_both_checkers() -> None:
    assert len(expected("mypy")) > 50
    assert expected("mypy").keys() == expected("pyright").keys()
