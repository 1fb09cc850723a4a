"""What the tests of the engine share: an app, on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from bide import Bide
from bide.store.base import Store
from bide.store.postgres import PostgresStore
from bide.testing import Harness

POOLED = {"test_cache", "test_intake", "test_suspension", "test_telling", "test_worker"}
"""Where it matters who is told when, and what a transaction holds: these are run behind a pooler, too."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bide" in metafunc.fixturenames:
        pooled = metafunc.definition.path.stem in POOLED
        metafunc.parametrize("bide", ["sqlite", "postgres", *(["pooled"] if pooled else [])], indirect=True)


@pytest.fixture
def bide(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bide[None]:
    """Where a harness opens it, the harness's own store is of the same kind."""
    if request.param == "sqlite":
        return Bide(f"sqlite:///{tmp_path}/jobs.db")
    url: str = request.getfixturevalue(f"{request.param}_url")

    def make_store(harness: Harness[None], _: Path) -> Store:
        return PostgresStore(url, clock=harness.clock)

    monkeypatch.setattr(Harness, "_make_store", make_store)
    return Bide(url)
