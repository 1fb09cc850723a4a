"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import settings

# In CI the same examples every time: a change is judged by what it does, not by what chance found. Elsewhere the search
# goes on.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "search")

_SHOWN = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def show(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Say something at the end of the run, where pytest shows nothing of what a test that passed has printed."""
    return pytestconfig.stash.setdefault(_SHOWN, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.setdefault(_SHOWN, []):
        terminalreporter.write_line(line)
