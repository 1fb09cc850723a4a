"""What the tests of HTTP share: a database of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shop.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def share(database: str) -> int:
    """By what the long tests divide their numbers: HTTP is the same for both, and is put to the whole test once."""
    return 1 if database.startswith("sqlite:") else 10
