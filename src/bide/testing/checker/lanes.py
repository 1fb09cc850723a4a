"""Invariant 16, of all jobs that share a limit. STARTED tells under which limits a job was taken."""

from __future__ import annotations

import json
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bide.events import EventKind as E
from bide.store.base import EventRow, JobRow, queue_lane
from bide.transitions import EDGES


class _Run(NamedTuple):
    """One run in one lane, from the position of its start to that of its end; None: it goes on."""

    began: int
    ended: int | None
    at: int
    job: str
    limit: Mapping[str, int]


class Lanes:
    """What ran in which lane. `seen` is a position that had been reached before the first history was read: what goes
    on in a history went on then, so of starts up to there all that ran beside them is known."""

    def __init__(self, seen: int) -> None:
        self._seen = seen
        self._runs: defaultdict[str, list[_Run]] = defaultdict(list)

    def add(self, row: JobRow, events: Sequence[EventRow]) -> None:
        for n, event in enumerate(events):
            if event.kind != E.STARTED:
                continue
            limits: dict[str, Any] = json.loads(event.data or "{}").get("limits", {})
            ended = next((later.pos for later in events[n + 1 :] if later.kind in EDGES), None)
            # A lane is of the job itself, a queue only of those that were taken while it was limited.
            lanes = {row.lane: limits.get("lane", {})} if row.lane else {}
            if "queue" in limits:
                lanes[queue_lane(row.queue)] = limits["queue"]
            for lane, limit in lanes.items():
                self._runs[lane].append(_Run(event.pos, ended, event.at, row.id, limit))

    def excesses(self) -> Iterator[tuple[str, str]]:
        """The jobs that were started where there was no room, and what is wrong."""
        for lane, runs in self._runs.items():
            yield from self._excesses(lane, sorted(runs))

    def _excesses(self, lane: str, runs: Sequence[_Run]) -> Iterator[tuple[str, str]]:
        ends = sorted(run.ended for run in runs if run.ended is not None)
        starts: list[int] = []
        for n, run in enumerate(runs, start=1):
            insort(starts, run.at)
            if run.began > self._seen:
                return
            running = n - bisect_right(ends, run.began)
            if running > run.limit.get("concurrency", running):
                yield run.job, f"is number {running} to run in {lane!r}, of at most {run.limit['concurrency']}"
            started = n - bisect_right(starts, run.at - run.limit.get("period", 0))
            if started > run.limit.get("rate", started):
                yield (
                    run.job,
                    f"is number {started} to start in {lane!r} within the period, of at most {run.limit['rate']}",
                )
