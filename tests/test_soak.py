"""Small soaks in every test run; `make soak` is the large one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.soak.databases import database
from tests.soak.soak import Plan, soak


@pytest.mark.parametrize(
    ("store", "plan"),
    [("sqlite", Plan(jobs=500, kills=5, restarts=0)), ("postgres", Plan(jobs=500, kills=4, restarts=3))],
    ids=["sqlite", "postgres"],
)
async def test_killed_at_random_nothing_is_lost_and_nothing_repeated(store: str, plan: Plan, tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    with database(store, tmp_path) as soaked:
        report = await soak(tmp_path, soaked, plan, seed)
    print(report.table())
    assert report.problems == []
    assert (report.kills, report.restarts) == (plan.kills, plan.restarts)
    assert sum(report.attempts.values()) == plan.jobs
