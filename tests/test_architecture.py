"""ARCHITECTURE.md tells the truth: its diagram is the transition table's, its layout names every module. And what a
worker loads is as light as it is meant to be.

After a change of the table, `python -m tests.test_architecture` writes the diagram anew.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import bide
from bide.events import EventKind
from bide.job import JobStatus
from bide.transitions import EDGES, TRANSITIONS, mermaid

PAGE = Path(__file__).parents[1] / "ARCHITECTURE.md"
PACKAGE = Path(bide.__file__).parent

HEAVY = ("alembic", "fastapi", "jsonschema", "rich", "sqlalchemy", "starlette", "typer")
"""What only an HTTP layer, a terminal, a migration or a response needs."""

_DIAGRAM = re.compile(r"(?<=^```mermaid\n)stateDiagram-v2\n.*?(?=^```$)", re.MULTILINE | re.DOTALL)


def with_diagram(page: str) -> str:
    """The page with the state diagram that the transition table makes."""
    drawn, count = _DIAGRAM.subn(lambda _: f"{mermaid()}\n", page)
    assert count == 1, "ARCHITECTURE.md holds one ```mermaid block with a stateDiagram-v2"
    return drawn


def test_the_state_diagram_is_the_one_of_the_table() -> None:
    page = PAGE.read_text()
    assert page == with_diagram(page), "the table changed: run `python -m tests.test_architecture`"


def test_the_diagram_shows_every_transition_and_every_state() -> None:
    lines = mermaid().splitlines()
    assert len(lines) == 1 + len(TRANSITIONS) + sum(status.terminal for status in JobStatus)
    assert {status.value for status in JobStatus} == set(re.findall(r"--> (\w+):", mermaid()))


def test_each_edge_leads_to_one_state_and_none_leaves_a_terminal_one() -> None:
    assert {before for before, _ in TRANSITIONS if before is not None and before.terminal} == set()
    for edge in EDGES:
        assert len({after for (_, kind), after in TRANSITIONS.items() if kind is edge}) == 1, edge
    assert {kind for kind in EventKind if kind.value.startswith("job.")} == EDGES


def test_the_layout_names_every_module() -> None:
    layout = re.search(r"```\nsrc/bide/\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert layout is not None
    named = set(re.findall(r"[\w/]+(?:\.py|/)", layout[1]))
    missing = [
        module
        for module in sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
        if not module.endswith("__init__.py") and module not in named and not _inside(module, named)
    ]
    assert missing == []


def test_the_layout_names_nothing_that_is_not_there() -> None:
    layout = re.search(r"```\nsrc/bide/\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert layout is not None
    assert [name for name in re.findall(r"[\w/]+(?:\.py|/)(?= )", layout[1]) if not (PACKAGE / name).exists()] == []


@pytest.mark.parametrize("module", ["bide", "bide.app", "bide.worker"])
def test_what_a_worker_loads_is_free_of_web_schema_and_terminal_libraries(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def _inside(module: str, named: set[str]) -> bool:
    """Whether a folder that the layout names holds the module."""
    return any(f"{parent.as_posix()}/" in named for parent in Path(module).parents)


if __name__ == "__main__":
    PAGE.write_text(with_diagram(PAGE.read_text()))
