"""The PostgreSQL store keeps the contract behind a pgbouncer that shares out transactions.

In a file of its own, so that it runs beside the same without one.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bide.store.base import Store
from bide.store.postgres import PostgresStore
from bide.testing import ManualClock
from tests.contract import test_postgres


class TestPooled(test_postgres.TestPostgres):
    @pytest.fixture
    def make_store(self, pooled_url: str, clock: ManualClock) -> Callable[[], Store]:
        return lambda: PostgresStore(pooled_url, clock=clock)
