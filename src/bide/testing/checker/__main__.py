"""The checker as a command: `python -m bide.testing.checker sqlite:///jobs.db`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bide.app import is_postgres, sqlite_path
from bide.clock import SystemClock
from bide.errors import BideError
from bide.settings import Settings
from bide.store.base import Store
from bide.store.sqlite import SQLiteStore
from bide.testing.checker import check, count_violations


async def _run(store: Store, name: str, at_rest: bool) -> int:
    # Writes nothing but, where the schema of a file is older than this version of Bide, the schema.
    await store.open()
    try:
        stats = await store.stats(None)
        violations = await check(store, at_rest=at_rest)
    finally:
        await store.close()
    counts = ", ".join(f"{count} {status}" for status, count in stats.by_status.items() if count) or "no jobs"
    for violation in violations:
        sys.stdout.write(f"{violation}\n")
    sys.stdout.write(f"{name}: {counts}; {count_violations(violations)}\n")
    return 1 if violations else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m bide.testing.checker sqlite:///jobs.db`: print the violations and exit 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m bide.testing.checker", description="Check a database of Bide.")
    parser.add_argument("url", help="the database, as sqlite:///jobs.db or postgresql://user@host/name")
    parser.add_argument("--at-rest", action="store_true", help="no worker is at work: nothing may be left running")
    options = parser.parse_args(arguments)
    url = str(options.url)
    try:
        if is_postgres(url):
            from bide.store.postgres import PostgresStore

            store = PostgresStore(url, schema=Settings().database_schema)
            return asyncio.run(_run(store, "The database", options.at_rest))
        path = sqlite_path(url)
    except BideError as error:
        parser.error(str(error))
    if not Path(path).is_file():
        # Opening a file that is not there would make one, and find it sound.
        parser.error(f"there is no database {url!r}")
    return asyncio.run(_run(SQLiteStore(path, clock=SystemClock()), path, options.at_rest))


if __name__ == "__main__":
    sys.exit(main())
