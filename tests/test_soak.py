"""A small soak in every test run; `make soak` is the large one."""

from __future__ import annotations

import random
from pathlib import Path

from tests.soak import soak


async def test_workers_killed_at_random_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    report = await soak(tmp_path, jobs=500, kills=5, seed=seed)
    print(report.table())
    assert report.problems == []
    assert report.kills == 5
    assert sum(report.attempts.values()) == 500
