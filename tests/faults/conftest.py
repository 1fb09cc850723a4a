"""What the fault tests share: an app with short times, on either store, and the checker after every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bide import Bide
from bide.testing import assert_sound
from tests.support import file_of, is_file, quick, store_at


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test is of both stores, but those that name `path` are of the file."""
    if "url" in metafunc.fixturenames and "postgres" not in metafunc.function.__module__:
        stores = ["sqlite"] if "path" in metafunc.fixturenames else ["sqlite", "postgres"]
        metafunc.parametrize("url", stores, indirect=True)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the database; the processes that a test starts have it from the environment."""
    if getattr(request, "param", "postgres") == "sqlite":
        url = f"sqlite:///{tmp_path}/jobs.db"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    monkeypatch.setenv("BIDE_TEST_URL", url)
    return url


@pytest.fixture
def path(url: str) -> Path:
    return file_of(url)


@pytest.fixture
def bide(url: str) -> Bide[None]:
    return Bide(url, settings=quick())


@pytest_asyncio.fixture(autouse=True)
async def sound_afterwards(url: str) -> AsyncIterator[None]:
    """Whatever a test did, the invariants hold in what it left."""
    yield
    if not is_file(url) or file_of(url).exists():
        store = store_at(url)
        await store.open()
        try:
            await assert_sound(store)
        finally:
            await store.close()
