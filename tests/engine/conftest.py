"""What the tests of the engine share: an app, whose database is the harness's."""

from __future__ import annotations

from pathlib import Path

import pytest

from bide import Bide


@pytest.fixture
def bide(tmp_path: Path) -> Bide[None]:
    return Bide(f"sqlite:///{tmp_path}/jobs.db")
