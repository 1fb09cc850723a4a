"""Print what Bide costs, part by part: `python -m bench [part …] [--quick]`. Each writes its section of RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from bench import drain, enqueue, http, latency, memory, processes, report, sqlite, steps
from bench.measure import Size
from bench.peers.part import PEERS_PART
from bench.postgres.part import POSTGRES_PART
from bench.report import Part

PARTS: Mapping[str, Part] = {
    "drain": sqlite.part(drain.topic),
    "enqueue": sqlite.part(enqueue.topic),
    "latency": sqlite.part(latency.topic),
    "processes": sqlite.part(processes.topic),
    "memory": sqlite.part(memory.topic),
    "steps": sqlite.part(steps.topic),
    "http": sqlite.part(http.topic),
    "postgres": POSTGRES_PART,
    "peers": PEERS_PART,
}

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="part", help=" ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="one small round, and RESULTS.md stays as it is")
    parser.add_argument("--folder", type=Path, help="where the databases are made (the system's temporary folder)")
    chosen = parser.parse_args()
    names: list[str] = chosen.parts or list(PARTS)
    size = Size.quick() if chosen.quick else Size.full()

    console = Console(width=None if sys.stdout.isatty() else 200)
    missed: list[str] = []
    for name in names:
        began = time.monotonic()
        with console.status(f"Measuring: {PARTS[name].title}"):
            section = PARTS[name].measure(size, chosen.folder)
        report.show(console, section)
        console.print(f"\n{name}: {time.monotonic() - began:.0f} s")
        missed += [f"{section.title}: {row}" for table in section.tables for row in table.missed]
        if not chosen.quick:
            report.write(RESULTS, section, [part.title for part in PARTS.values()])
    if missed:
        console.print(f"[red]Below its target: {'; '.join(missed)}[/red]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
