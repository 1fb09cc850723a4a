"""Print what Bide costs, topic by topic: `python -m bench [topic …] [--quick]`. A whole run writes RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from bench import drain, enqueue, http, latency, machine, memory, processes, report, steps
from bench.measure import Row, Size, Topic, run

TOPICS: Mapping[str, Callable[[Size], Topic]] = {
    "drain": drain.topic,
    "enqueue": enqueue.topic,
    "latency": latency.topic,
    "processes": processes.topic,
    "memory": memory.topic,
    "steps": steps.topic,
    "http": http.topic,
}

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("topics", nargs="*", choices=[[], *TOPICS], metavar="topic", help=" ".join(TOPICS))
    parser.add_argument("--quick", action="store_true", help="one small round, and RESULTS.md stays as it is")
    parser.add_argument("--folder", type=Path, help="where the databases are made (the system's temporary folder)")
    chosen = parser.parse_args()
    names: list[str] = chosen.topics or list(TOPICS)
    size = Size.quick() if chosen.quick else Size.full()

    console = Console(width=None if sys.stdout.isatty() else 200)
    described = machine.describe(chosen.folder or Path(tempfile.gettempdir()))
    for name, text in described.items():
        console.print(f"{name:>10}  {text}", highlight=False)
    began = time.monotonic()
    measured: list[tuple[Topic, list[Row]]] = []
    for name in names:
        topic = TOPICS[name](size)
        with console.status(f"Measuring: {topic.title}"):
            rows = run(topic, size.rounds, root=chosen.folder)
        report.show(console, topic, rows)
        measured.append((topic, rows))
    console.print(f"\n{time.monotonic() - began:.0f} s")

    # Only a whole run is written down: part of one beside the rest of another would compare two moments.
    if not chosen.quick and set(names) == set(TOPICS):
        RESULTS.write_text(report.markdown(described, measured, size.rounds), encoding="utf-8")
        console.print(
            f"Written to {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}"
        )
    missed = [row.line.name for _, rows in measured for row in rows if row.met is False]
    if missed:
        console.print(f"[red]Below its target: {'; '.join(missed)}[/red]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
