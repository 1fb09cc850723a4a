"""PostgreSQL, crashed at the first commit of each kind; `make crash` does it at every one.

A scenario takes a few times as long there as on SQLite.
"""

from __future__ import annotations

import pytest

from tests.crash.every_write import EveryWrite


@pytest.mark.timeout(600)  # a hundred crashes: a minute, where the machine is free
class TestPostgres(EveryWrite):
    store = "postgres"
    only_firsts = True
