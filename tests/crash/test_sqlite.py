"""SQLite, crashed at every commit."""

from __future__ import annotations

import pytest

from tests.crash.every_write import EveryWrite


@pytest.mark.timeout(600)  # more than half a thousand crashes: a minute, where the machine is free
class TestSQLite(EveryWrite):
    store = "sqlite"
