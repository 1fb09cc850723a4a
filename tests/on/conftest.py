"""What the tests of `on=` share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide import Bide
from bide.testing import assert_sound
from tests.on.hosts import POSTGRES, SQLITE, Place, Way
from tests.support import quick

ONE_EACH = (SQLITE[0], SQLITE[4], POSTGRES[0], POSTGRES[6])
"""A driver's connection and a session, on each kind of database."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `place` runs by every way, or by those that it is marked with."""
    if "place" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("ways")
        ways: tuple[Way, ...] = mark.args if mark is not None else SQLITE + POSTGRES
        metafunc.parametrize("place", ways, ids=_id, indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ways(*ways): by which connections a test is run")


def _id(way: Any) -> str:
    return f"{'sqlite' if way in SQLITE else 'postgres'}-{way.name}"


@pytest_asyncio.fixture
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    way: Way = request.param
    url = f"sqlite:///{tmp_path}/jobs.db" if way in SQLITE else request.getfixturevalue("postgres_url")
    place = Place(url, way)
    await place.prepare()
    return place


@pytest_asyncio.fixture
async def bide(place: Place) -> AsyncIterator[Bide[None]]:
    """An app on that database, which the test opens. Whatever it does, the invariants hold in what it leaves."""
    bide = Bide(place.url, settings=quick())
    yield bide
    async with bide:
        await assert_sound(bide.store)
