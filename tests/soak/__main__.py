"""`python -m tests.soak`: 20,000 jobs and 50 kills; `--store postgres`: 100,000, 200, and 20 restarts of it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.soak.databases import database
from tests.soak.soak import Plan, soak

PLANS = {"sqlite": Plan(jobs=20_000, kills=50, restarts=0), "postgres": Plan(jobs=100_000, kills=200, restarts=20)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Kill workers, and databases, at random.")
    parser.add_argument("--store", choices=list(PLANS), default="sqlite")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--restarts", type=int, help="of PostgreSQL")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args(arguments)
    store: str = options.store
    plan = PLANS[store]
    plan = Plan(
        jobs=plan.jobs if options.jobs is None else options.jobs,
        kills=plan.kills if options.kills is None else options.kills,
        restarts=plan.restarts if options.restarts is None else options.restarts,
    )
    if plan.restarts and store == "sqlite":
        parser.error("SQLite has no server to restart; leave out --restarts, or soak --store postgres")
    seed: int = random.randrange(1_000_000) if options.seed is None else options.seed
    # That the database is not there is what it is about.
    logging.getLogger("bide").addHandler(logging.NullHandler())
    print(f"{plan.jobs:,} jobs, {plan.kills} kills, {plan.restarts} restarts, --seed {seed}", flush=True)

    def told(text: str) -> None:
        if sys.stdout.isatty():
            print(f"\r{text} ", end="", flush=True)

    with tempfile.TemporaryDirectory(prefix="bide-soak-") as made, database(store, Path(made)) as soaked:
        report = asyncio.run(soak(Path(made), soaked, plan, seed, told))
    print(f"\n{report.table()}")
    for problem in report.problems[:50]:
        print(f"✗ {problem}")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
