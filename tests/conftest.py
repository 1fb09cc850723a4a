"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.pgbouncer import Pooler
from tests.postgres import Server

# In CI the same examples every time: a change is judged by what it does, not by what chance found. Elsewhere the search
# goes on.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "search")

LONG = (
    "contract/test_postgres.py",
    "contract/test_pooled.py",
    "crash/test_sqlite.py",
    "test_bench.py",
    "crash/test_postgres.py",
    "crash/test_pooled.py",
    "http/test_freshness.py",
    "http/test_streams.py",
    "http/test_races.py",
    "examples/service/test_killed.py",
    "test_wheel.py",
    "test_soak.py",
    "test_state_machine.py",
    "faults/test_postgres_ends.py",
    "http/test_shutdown.py",
)
"""The files whose tests take longest, those that take most first. `make test` gives whole files to its processes, in
the order in which they were collected: a long one among the last would run on alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONG)}
    assert all(path.is_file() for path in places), "LONG, in tests/conftest.py, names a file that is not there"
    items.sort(key=lambda item: places.get(item.path, len(places)))


_SHOWN = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def show(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Say something at the end of the run, where pytest shows nothing of what a test that passed has printed."""
    return pytestconfig.stash.setdefault(_SHOWN, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.setdefault(_SHOWN, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def postgres() -> Generator[Server]:
    """A PostgreSQL, started by the first test that asks for it."""
    with Server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Generator[str]:
    """A database of the running test, with the tables of Bide and nothing in them."""
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new one of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def bare_postgres_url(postgres: Server) -> Generator[str]:
    """A database with nothing of Bide in it."""
    url = postgres.create("template1")
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def pooler(postgres: Server) -> Generator[Pooler]:
    """A pgbouncer, started by the first test that asks for it."""
    with Pooler(postgres) as pooler:
        yield pooler


@pytest.fixture
def pooled_url(pooler: Pooler, postgres_url: str) -> str:
    """The database of the running test, through the pooler."""
    return pooler.url(postgres_url)
