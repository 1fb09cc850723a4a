"""What the fault tests share: an app with short times, and the checker after every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bide import Bide
from bide.store.sqlite import SQLiteStore
from bide.testing import assert_sound
from tests.support import quick


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def bide(path: Path) -> Bide[None]:
    return Bide(f"sqlite:///{path}", settings=quick())


@pytest_asyncio.fixture(autouse=True)
async def sound_afterwards(path: Path) -> AsyncIterator[None]:
    """Whatever a test did, the invariants hold in what it left."""
    yield
    if path.exists():
        store = SQLiteStore(path)
        await store.open()
        try:
            await assert_sound(store)
        finally:
            await store.close()
