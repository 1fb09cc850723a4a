"""`python -m tests.capacity`: 100,000 jobs that wait for people, and what they cost; `--store postgres`: 1,000,000."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.capacity.measure import measure
from tests.capacity.postgres import measure as measure_postgres
from tests.capacity.postgres import passes
from tests.postgres import Server

JOBS = {"sqlite": 100_000, "postgres": 1_000_000}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.capacity", description=__doc__)
    parser.add_argument("--store", choices=list(JOBS), default="sqlite")
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    store: str = options.store
    jobs: int = options.jobs or JOBS[store]
    if store == "postgres":
        with Server(durable=True) as server:
            server.wait_for_disk()
            stages = asyncio.run(measure_postgres(server, jobs, lambda text: print(text, flush=True)))
        return 0 if all(map(passes, stages)) else 1
    with tempfile.TemporaryDirectory(prefix="bide-capacity-") as folder:
        figures = asyncio.run(measure(Path(folder, "jobs.db"), jobs))
    print(figures.table())
    return 0 if figures.bytes_per_job <= 3_000 and figures.start < 2.0 else 1


if __name__ == "__main__":
    sys.exit(main())
