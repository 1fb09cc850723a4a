"""What the tests of HTTP share."""

from __future__ import annotations

import pytest


@pytest.fixture
def share(database: str) -> int:
    """By what the long tests divide their numbers: HTTP is the same for both, and is put to the whole test once."""
    return 1 if database.startswith("sqlite:") else 10
