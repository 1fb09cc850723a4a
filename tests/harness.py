"""A harness on PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from bide import Bide
from bide.store.base import Store
from bide.store.postgres import PostgresStore
from bide.testing import Harness


class PostgresHarness(Harness[Any]):
    """On a database that the test hands it."""

    def __init__(self, bide: Bide[Any], url: str, *, now: datetime | None = None) -> None:
        super().__init__(bide, now=now)
        self._url = url

    def _make_store(self, folder: Path) -> Store:
        return PostgresStore(self._url, clock=self.clock)
