"""PostgreSQL behind a pooler, crashed at the first commit of each kind."""

from __future__ import annotations

import pytest

from tests.crash.every_write import EveryWrite


@pytest.mark.timeout(600)  # a hundred crashes: a minute, where the machine is free
class TestPooled(EveryWrite):
    store = "pooled"
    only_firsts = True
