"""`python -m tests.crash`: crash at every write, and print the table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.crash.faults import MODES, Mode
from tests.crash.ground import Ground
from tests.crash.runner import GROUNDS, Outcome, Trace, crash_everywhere, firsts, timed, trace, workplace


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("stores", nargs="*", metavar="STORE", help=f"by default all of {', '.join(GROUNDS)}")
    parser.add_argument("--only", type=int, nargs="*", default=[], metavar="N", help="only these commits")
    parser.add_argument("--firsts", action="store_true", help="only the first commit of each kind")
    parser.add_argument("--whole", action="store_true", help="with all stories each time, not only those it needs")
    parser.add_argument("--modes", nargs="*", default=MODES, choices=MODES, help="only these ways to fail")
    parser.add_argument("--keep", type=Path, help="work in this folder, and keep what failed")
    parser.add_argument("--json", type=Path, help="write all of it to this file, too")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.stores if name not in GROUNDS]:
        parser.error(f"there is no store {', '.join(unknown)}; there are {', '.join(GROUNDS)}")
    found = {name: _crash(GROUNDS[name](), options) for name in options.stores or GROUNDS}
    if options.json:
        options.json.write_text(json.dumps(found), encoding="utf-8")
    return 1 if any(error for one in found.values() for _, _, error in one["outcomes"]) else 0


def _crash(ground: Ground, options: argparse.Namespace) -> dict[str, Any]:
    seconds = timed()
    outcomes: list[Outcome] = []
    modes: Sequence[Mode] = options.modes
    with workplace(ground, options.keep) as base:
        traced = trace(ground, base)
        only = firsts(traced.commits) if options.firsts else options.only
        crash_everywhere(
            ground, base, traced.commits, modes=modes, only=only, whole=options.whole, told=outcomes.append
        )
    print(f"\n{ground.name}\n")
    _print(traced, outcomes)
    failed = [outcome for outcome in outcomes if outcome.error]
    print(
        f"\n{ground.name}: {len(traced.commits)} commits, {len(traced.files)} of {len(ground.texts())} SQL files,"
        f" {len(outcomes)} crashes, {len(failed)} not survived, {seconds():.0f} s"
    )
    return {
        "commits": traced.commits,
        "files": sorted(traced.files),
        "outcomes": [[outcome.n, outcome.mode, outcome.error] for outcome in outcomes],
        "seconds": seconds(),
    }


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
