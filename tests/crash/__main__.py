"""`python -m tests.crash`: crash at every write, and print the table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.crash.faults import MODES, Mode, sql_files
from tests.crash.runner import Outcome, Trace, crash_everywhere, timed, trace, workplace


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--only", type=int, nargs="*", default=[], metavar="N", help="only these commits")
    parser.add_argument("--modes", nargs="*", default=MODES, choices=MODES, help="only these ways to fail")
    parser.add_argument("--keep", type=Path, help="work in this folder, and keep what failed")
    parser.add_argument("--json", type=Path, help="write all of it to this file, too")
    options = parser.parse_args(arguments)
    seconds = timed()
    outcomes: list[Outcome] = []
    modes: Sequence[Mode] = options.modes
    with workplace(options.keep) as base:
        traced = trace(base)
        crash_everywhere(base, traced.commits, modes=modes, only=options.only, told=outcomes.append)
    _print(traced, outcomes)
    failed = [outcome for outcome in outcomes if outcome.error]
    print(
        f"\n{len(traced.commits)} commits, {len(traced.files)} of {len(sql_files())} SQL files,"
        f" {len(outcomes)} crashes, {len(failed)} not survived, {seconds():.0f} s"
    )
    if options.json:
        found = {
            "commits": traced.commits,
            "files": sorted(traced.files),
            "outcomes": [[outcome.n, outcome.mode, outcome.error] for outcome in outcomes],
            "seconds": seconds(),
        }
        options.json.write_text(json.dumps(found), encoding="utf-8")
    return 1 if failed else 0


def _print(traced: Trace, outcomes: Sequence[Outcome]) -> None:
    came = {(outcome.n, outcome.mode): outcome for outcome in outcomes}
    print(f"{'n':>4}  {'story':<12} {'before':<7} {'after':<7} {'error':<7} what the commit changes")
    for n, (story, names) in enumerate(traced.commits, start=1):
        if marks := [_mark(came.get((n, mode))) for mode in MODES]:
            before, after, error = marks
            print(f"{n:>4}  {story:<12} {before:<7} {after:<7} {error:<7} {', '.join(names)}")
    for outcome in outcomes:
        if outcome.error:
            print(f"\n── commit {outcome.n}, {outcome.mode} ──\n{outcome.error}", file=sys.stderr)


def _mark(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    return "FAILED" if outcome.error else "sound"


if __name__ == "__main__":
    sys.exit(main())
