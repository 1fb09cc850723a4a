"""`python -m tests.capacity`: 100,000 jobs that wait for people, and what they cost."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.capacity.measure import measure


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.capacity", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bide-capacity-") as folder:
        figures = asyncio.run(measure(Path(folder, "jobs.db"), options.jobs))
    print(figures.table())
    return 0 if figures.bytes_per_job <= 3_000 and figures.start < 2.0 else 1


if __name__ == "__main__":
    sys.exit(main())
