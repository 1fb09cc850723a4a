"""The checker: reads a store from end to end and says which of its invariants do not hold.

    violations = await check(store)                       # while others work, too
    await assert_sound(store, expected=ids, at_rest=True)  # after a test: everything came to its end
    python -m bide.testing.checker sqlite:///jobs.db       # or postgresql://…; exits 1 on a violation

It reads through the store's own verbs, so it checks any store. A job that changes while it is read is read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from jsonschema import Draft202012Validator

from bide.events import EventKind as E
from bide.job import TERMINAL
from bide.job import JobStatus as S
from bide.store.base import EventRow, JobFilter, JobRow, PromptRow, StepRow, Store, whole_history
from bide.testing.checker.lanes import Lanes
from bide.transitions import EDGES, TRANSITIONS, follow


@dataclass(frozen=True)
class Violation:
    """Invariant `invariant` (its number, see `check`) does not hold, for this job if it is about one."""

    invariant: int
    job: str | None
    message: str

    def __str__(self) -> str:
        return f"invariant {self.invariant}, {f'job {self.job}' if self.job else 'store'}: {self.message}"


class Unsound(AssertionError):
    """What `assert_sound` raises. `violations` are all that were found."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        shown = [str(violation) for violation in violations[:20]]
        if len(violations) > len(shown):
            shown.append(f"… and {len(violations) - len(shown)} more")
        super().__init__("\n".join([count_violations(violations), *shown]))
        self.violations = violations


def count_violations(violations: Sequence[Violation]) -> str:
    """How many there are, in words."""
    return "1 violation" if len(violations) == 1 else f"{len(violations) or 'no'} violations"


async def check(store: Store, *, expected: Iterable[str] = (), at_rest: bool = False) -> list[Violation]:
    """Return every violation of the invariants that can be seen in the database.

    `expected` are the ids of jobs whose enqueue was acknowledged and that nobody deleted. `at_rest` says that no worker
    is at work any more, so nothing may be left running.

     1. Every acknowledged enqueue exists, and at rest is in one terminal state, or waits with a live wake-up.
        *Each of `expected` has a row. A waiting job has a due time or an open prompt. At rest none is running, the jobs
        that are pending without a due time are all counted as ready, and `next_due` misses nothing.*
     2. Nothing ran that was never enqueued. *Every history begins with ENQUEUED, and has no other.*
     3. The history of a job is gapless 1..n, each edge legal, and folding it gives the row. *Numbers and positions;
        `transitions.follow`; then status, attempt, lease, seq, worker, progress, times, result and error of the row,
        and each step, prompt and response against its events.*
     4. Nothing changes after a terminal state. *No event follows one.*
     5. Attempts are contiguous and within the maximum; each ends once, with a reason. *STARTED continues the attempt or
        begins the next; every event names the attempt it belongs to; no attempt is left open in a terminal job; a
        failed job has a reason and an error.*
     6. Lease tokens only grow; every accepted write carried the current one. *STARTED carries a higher lease than
        anything before; every event of a run carries the lease of that run; the row's lease is not below any.*
     7. A step's result is written once. *Per (step, key) one STEP_COMPLETED in the whole history, and one STEP_FAILED
        since the last RETRYING; one row each.*
     8. An acknowledged answer is one row, valid, before deadline and cancel; at most one per prompt. *The responses
        against deadlines, against the cancel in the history, and against the prompt's stored JSON schema; no open
        prompt in a finished job.*
     9. A waiting job holds no lease, worker or connection. *Only a running job has a worker, and the row's lease has
        moved past the last run's.*
    10. Progress never falls within an attempt, and never changes after the end. *The percents of the history; another
        attempt begins at nothing.*
    12. An acknowledged cancel leads to a terminal state; nothing is asked after it was delivered. *After
        CANCEL_REQUESTED the only edge is CANCELLED; after CANCEL_DELIVERED no question opens.*
    13. One (owner, idempotency key) is one job. *Over all rows.*
    14. No orphan rows. *`Store.orphans`.*
    16. Limits are never exceeded. *Per lane, each STARTED against the limits that it tells of: how many histories were
        running at its position, and how many had started within its period.*

    Numbers 11, 15, 17 and 18 are not in the database, or not yet: readers and owners are tested through their verbs.
    """
    found: list[Violation] = []
    rows: list[JobRow] = []
    lanes = Lanes((await store.feed(-1, None)).position)
    async for page in _pages(store):
        for file in await _read(store, page):
            lanes.add(file.row, file.events)
            rows.append(file.row._replace(input="", result=None))  # they may be large, and are not needed any more
            found += _Fold(file, at_rest=at_rest).violations()
    missing = set(expected) - {row.id for row in rows}
    found += [Violation(1, job, "was acknowledged and does not exist") for job in sorted(missing)]
    found += _keys(rows)
    found += [Violation(16, job, excess) for job, excess in lanes.excesses()]
    found += [Violation(14, None, f"orphan: {orphan}") for orphan in await store.orphans()]
    if at_rest:
        found += await _wake_ups(store, rows)
    return found


async def assert_sound(store: Store, *, expected: Iterable[str] = (), at_rest: bool = False) -> None:
    """Raise Unsound, naming them, if `check` finds violations."""
    if violations := await check(store, expected=expected, at_rest=at_rest):
        raise Unsound(violations)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_PAGE = 200
_ALL = 1_000_000_000
_PATIENCE = 50
"""How often a job that keeps changing is read again before it is judged as it was read last."""


@dataclass(frozen=True)
class _File:
    """All that the store holds of one job, as of one moment."""

    row: JobRow
    events: Sequence[EventRow]
    prompts: Sequence[PromptRow]
    steps: Sequence[StepRow]


async def _pages(store: Store) -> AsyncIterator[list[str]]:
    before: str | None = None
    while page := await store.list(JobFilter(before=before, limit=_PAGE), None):
        yield [row.id for row in page]
        before = page[-1].id


async def _read(store: Store, ids: Collection[str]) -> list[_File]:
    """Read these jobs; again those that changed meanwhile, and without those that were deleted meanwhile."""
    files: list[_File] = []
    for patience in range(_PATIENCE, 0, -1):
        before = await store.get(list(ids), None)
        read = await asyncio.gather(*(_read_one(store, row) for row in before))
        after = {row.id: row for row in await store.get([row.id for row in before], None)}
        settled = [file for file in read if file.row.id in after and (file.row == after[file.row.id] or patience == 1)]
        files += settled
        ids = after.keys() - {file.row.id for file in settled}
        if not ids:
            break
    return files


async def _read_one(store: Store, row: JobRow) -> _File:
    events = await whole_history(store, row.id, None, 0, _ALL)
    return _File(row, events, await store.prompts(None, job=row.id, limit=_ALL), await store.steps(row.id, None))


def _keys(rows: Sequence[JobRow]) -> list[Violation]:
    found: list[Violation] = []
    first: dict[tuple[str, str], str] = {}
    for row in sorted(rows, key=lambda row: row.id):
        if row.idempotency_key is not None:
            other = first.setdefault((row.owner, row.idempotency_key), row.id)
            if other != row.id:
                found.append(Violation(13, row.id, f"has the idempotency key {row.idempotency_key!r} of {other}"))
    return found


async def _wake_ups(store: Store, rows: Sequence[JobRow]) -> list[Violation]:
    """What only the store as a whole shows: whether those who wait for nothing but a worker can be claimed."""
    found: list[Violation] = []
    pending = [row for row in rows if row.status is S.PENDING]
    idle = [row for row in pending if row.due_at is None]
    ready = (await store.stats(None)).ready
    if ready < len(idle):
        message = f"only {ready} jobs are ready, but {len(idle)} are pending without a due time"
        found.append(Violation(1, idle[0].id if len(idle) == 1 else None, message))
    now = store.now()
    dues = [row.due_at for row in rows if row.due_at is not None and row.due_at > now and row.status not in TERMINAL]
    next_due = await store.next_due()
    if dues and (next_due is None or next_due > min(dues)):
        found.append(Violation(1, None, f"a job is due at {min(dues)}, but the next due time is {next_due}"))
    return found


# ── One job ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_AFTER: dict[str, S] = {kind: status for (_, kind), status in TRANSITIONS.items()}
"""Each edge leads to one state wherever it starts, so the fold can go on after an illegal move."""

_SPENDS = frozenset({E.COMPLETED, E.FAILED, E.RETRYING, E.RESCUED, E.CANCELLED})
"""The edges that end an attempt."""

_STEPS = frozenset({E.STEP_COMPLETED, E.STEP_FAILED})

_KINDS: frozenset[str] = frozenset(E)


@dataclass
class _Fold:
    """The history of one job, followed event by event, beside what the row says."""

    file: _File
    at_rest: bool
    status: S | None = None
    attempt: int = 0
    in_attempt: bool = False
    lease: int = 0
    run: int | None = None
    measured: int = 0
    """The attempt that `percent` is the high-water mark of."""
    percent: float = float("-inf")
    progress: str | None = None
    requested: bool = False
    delivered: bool = False
    started_at: list[int] = field(default_factory=list[int])
    counts: Counter[str] = field(default_factory=Counter[str])
    completed: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    failed: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    found: list[Violation] = field(default_factory=list[Violation])

    def violations(self) -> list[Violation]:
        for n, event in enumerate(self.file.events, start=1):
            self._sequence(n, event)
            self._attempts(event)
            self._leases(event)
            self._progress(event)
            self._cancel(event)
            self._steps(event)
            self._move(event)
        self._row()
        self._remembered()
        for prompt in self.file.prompts:
            self._prompt(prompt)
        self._prompts()
        self._waits()
        return self.found

    def _break(self, invariant: int, message: str) -> None:
        self.found.append(Violation(invariant, self.file.row.id, message))

    # Event by event

    def _sequence(self, n: int, event: EventRow) -> None:
        before = self.file.events[n - 2] if n > 1 else None
        expected = before.seq + 1 if before else 1
        if event.seq != expected:
            self._break(3, f"event {event.seq} ({event.kind}) where {expected} was to come")
        if before and event.pos <= before.pos:
            self._break(3, f"event {event.seq} has position {event.pos}, not after {before.pos}")
        if (n == 1) != (event.kind == E.ENQUEUED):
            self._break(2, f"event {event.seq} is {event.kind}")

    def _attempts(self, event: EventRow) -> None:
        expected = self.attempt
        if event.kind == E.STARTED and not self.in_attempt:
            expected += 1
        if event.attempt != expected:
            self._break(5, f"event {event.seq} ({event.kind}) is of attempt {event.attempt}, not {expected}")
        if event.kind == E.STARTED:
            self.attempt, self.in_attempt = event.attempt, True
            if event.attempt > self.file.row.max_attempts:
                self._break(5, f"attempt {event.attempt} of at most {self.file.row.max_attempts}")
        elif event.kind in _SPENDS:
            self.in_attempt = False

    def _leases(self, event: EventRow) -> None:
        if event.kind == E.STARTED:
            if event.lease <= self.lease:
                self._break(6, f"event {event.seq} starts a run with lease {event.lease}, after {self.lease}")
            self.run = event.lease
        elif self.status is S.RUNNING and event.kind not in EDGES and event.lease != self.run:
            self._break(6, f"event {event.seq} ({event.kind}) carries lease {event.lease} in the run of {self.run}")
        elif event.lease < self.lease:
            self._break(6, f"event {event.seq} ({event.kind}) carries lease {event.lease}, after {self.lease}")
        self.lease = max(self.lease, event.lease)

    def _progress(self, event: EventRow) -> None:
        if event.kind == E.STARTED and event.attempt != self.measured:
            self.measured, self.percent = event.attempt, float("-inf")
        if event.kind != E.PROGRESS:
            return
        if self.status is not S.RUNNING:
            self._break(10, f"event {event.seq} is progress while the job is {self.status}")
        percent = _object(event.data).get("percent")
        if isinstance(percent, int | float):
            if percent < self.percent:
                self._break(10, f"event {event.seq} takes progress from {self.percent} back to {percent}")
            self.percent = max(self.percent, percent)
        self.progress = event.data

    def _cancel(self, event: EventRow) -> None:
        if self.requested and event.kind in EDGES and event.kind != E.CANCELLED:
            self._break(12, f"event {event.seq} is {event.kind}, after a cancel had been requested")
        if self.requested and event.kind == E.PROMPT_ANSWERED:
            self._break(8, f"event {event.seq} accepts an answer after a cancel had been requested")
        # A step that was in flight when the cancel came may still be recorded: its effect is done.
        if self.delivered and event.kind == E.PROMPT_OPENED:
            self._break(12, f"event {event.seq} is {event.kind}, after the cancel had been delivered")
        if event.kind == E.CANCEL_REQUESTED:
            if self.requested:
                self._break(12, f"event {event.seq} requests a cancel for the second time")
            self.requested = True
        if event.kind == E.CANCEL_DELIVERED:
            if not self.requested:
                self._break(12, f"event {event.seq} delivers a cancel that nobody requested")
            self.delivered = True

    def _steps(self, event: EventRow) -> None:
        if event.kind == E.RETRYING:
            self.failed.clear()
        if event.kind not in _STEPS:
            return
        data = _object(event.data)
        identity = str(data.get("step", "")), str(data.get("key", ""))
        # What a fork has kept of another job is told before it begins.
        kept = self.file.row.forked_from is not None and event.attempt == 0
        if self.status is not S.RUNNING and not kept:
            self._break(7, f"event {event.seq} records the step {identity} while the job is {self.status}")
        if self.completed[identity] or self.failed[identity]:
            self._break(7, f"event {event.seq} records the step {identity} again")
        (self.completed if event.kind == E.STEP_COMPLETED else self.failed)[identity] += 1

    def _move(self, event: EventRow) -> None:
        self.counts[event.kind] += 1
        if self.status in TERMINAL:
            self._break(4, f"event {event.seq} ({event.kind}) comes after the job was {self.status}")
        if event.kind in _KINDS:  # one from a later version changes nothing that is known here
            try:
                self.status = follow(self.status, event.kind)
            except KeyError:
                self._break(3, f"event {event.seq} is {event.kind}, which no {self.status or 'absent'} job can do")
                self.status = _AFTER[event.kind]
        if event.kind == E.STARTED:
            self.started_at.append(event.at)

    # What the row must be then

    def _row(self) -> None:
        row, events = self.file.row, self.file.events
        last = events[-1] if events else None
        folded = {"status": self.status, "attempt": self.attempt, "seq": last.seq if last else 0}
        for name, value in folded.items():
            if getattr(row, name) != value:
                self._break(3, f"the row's {name} is {getattr(row, name)}, its history gives {value}")
        if last and row.created_at != events[0].at:
            self._break(3, f"the row was created at {row.created_at}, its history begins at {events[0].at}")
        if row.started_at is None if self.started_at else row.started_at is not None:
            self._break(
                3, f"the row was started at {row.started_at}, its history tells of {len(self.started_at)} starts"
            )
        elif row.started_at is not None and row.started_at not in self.started_at:
            self._break(3, f"the row was started at {row.started_at}, its history says {self.started_at}")
        self._row_end(row, last)
        if row.progress is not None and not _same(row.progress, self.progress):
            self._break(3, f"the row's progress is {row.progress}, its history gives {self.progress}")
        elif (
            row.progress is None and self.progress is not None and not self.counts[E.RETRYING] + self.counts[E.RESCUED]
        ):
            self._break(3, f"the row has no progress, its history gives {self.progress}")
        self._row_lease(row)

    def _row_end(self, row: JobRow, last: EventRow | None) -> None:
        ended = row.status in TERMINAL
        if ended != (row.finished_at is not None):
            self._break(3, f"the row is {row.status} and finished at {row.finished_at}")
        elif ended and last and last.kind in EDGES and last.at != row.finished_at:
            self._break(3, f"the row finished at {row.finished_at}, its history at {last.at}")
        if (row.result is not None) != (row.status is S.COMPLETED):
            self._break(3, f"the row is {row.status} with {'a' if row.result else 'no'} result")
        if row.status is S.FAILED and not (row.error and row.reason):
            self._break(5, f"the last attempt failed with reason {row.reason!r} and error {row.error!r}")
        if ended and self.in_attempt:
            self._break(5, f"attempt {self.attempt} never ended")
        cancelled = self.requested or self.status is S.CANCELLED
        if row.cancel_requested_at is not None and not cancelled:
            self._break(3, "the row has a cancel requested, its history does not")
        if self.requested and row.cancel_requested_at is None:
            self._break(3, "its history has a cancel requested, the row does not")
        if self.at_rest and self.requested and row.status is not S.CANCELLED:
            self._break(12, f"a cancel was requested, and the job rests as {row.status}")

    def _row_lease(self, row: JobRow) -> None:
        if row.lease < self.lease:
            self._break(6, f"the row's lease is {row.lease}, its history has seen {self.lease}")
        if row.status is S.RUNNING:
            if row.lease != self.run:
                self._break(6, f"the row's lease is {row.lease}, the run's is {self.run}")
            if row.worker is None:
                self._break(3, "the row is running under no worker")
            return
        if row.worker is not None:
            self._break(9, f"is {row.status} and held by worker {row.worker}")
        if self.run is not None and row.lease <= self.run:
            self._break(9, f"is {row.status}, and the lease of its last run, {self.run}, still counts")

    def _remembered(self) -> None:
        rows = Counter((step.name, step.key) for step in self.file.steps)
        for identity, count in rows.items():
            if count > 1:
                self._break(7, f"the step {identity} has {count} rows")
        told = {"completed": self.completed, "failed": self.failed}
        for step in self.file.steps:
            identity = step.name, step.key
            kind = "completed" if step.error is None else "failed"
            if not told[kind][identity]:
                self._break(3, f"the step {identity} is remembered as {kind}, its history does not say so")
        for kind, identities in told.items():
            for name, key in identities.keys() - rows.keys():
                self._break(7, f"the step {(name, key)} has {kind}, and is not remembered")

    # Prompts

    def _prompt(self, prompt: PromptRow) -> None:
        response = prompt.response
        if prompt.owner != self.file.row.owner:
            self._break(8, f"the prompt {prompt.key!r} is of {prompt.owner!r}, its job of {self.file.row.owner!r}")
        if (prompt.closed_at is None) != (prompt.status == "open"):
            self._break(8, f"the prompt {prompt.key!r} is {prompt.status} and closed at {prompt.closed_at}")
        if prompt.status == "open" and self.file.row.status in TERMINAL:
            self._break(8, f"the prompt {prompt.key!r} is open, and the job is {self.file.row.status}")
        if response is None:
            if prompt.status == "answered":
                self._break(8, f"the prompt {prompt.key!r} is answered, and there is no response")
            return
        if prompt.status == "open":
            self._break(8, f"the prompt {prompt.key!r} has a response, and is open")
        if (response.prompt, response.job) != (prompt.id, self.file.row.id):
            self._break(8, f"the response to {prompt.key!r} is of prompt {response.prompt} and job {response.job}")
        if response.at < prompt.opened_at:
            self._break(8, f"the prompt {prompt.key!r} was answered before it was opened")
        late = prompt.deadline_at is not None and response.at >= prompt.deadline_at
        if response.defaulted != late:
            early_or_late = "after" if late else "before"
            who = "by its default" if response.defaulted else "by somebody"
            self._break(8, f"the prompt {prompt.key!r} was answered {who} {early_or_late} its deadline")
        if response.action == "cancel":
            if response.value is not None:
                self._break(8, f"the prompt {prompt.key!r} was cancelled with a value")
            if not (self.requested or self.status is S.CANCELLED):
                self._break(8, f"the prompt {prompt.key!r} was cancelled, and the job was not")
        elif flaw := _misfit(prompt.schema, response.value):
            self._break(8, f"the answer to {prompt.key!r} does not fit its schema: {flaw}")

    def _prompts(self) -> None:
        """Count rows against events: the data of these events is a store's own affair, their number is not."""
        prompts, counts = self.file.prompts, self.counts
        twice = [prompt for prompt, count in Counter(prompt.id for prompt in prompts).items() if count > 1]
        for prompt in twice:
            self._break(8, f"the prompt {prompt} has more than one response")
        live = Counter(prompt.key for prompt in prompts if prompt.status != "withdrawn")
        for key, count in live.items():
            if count > 1 and not twice:
                self._break(8, f"the key {key!r} has {count} prompts that are not withdrawn")
        answered = sum(prompt.response is not None and not prompt.response.defaulted for prompt in prompts)
        tally = {
            E.PROMPT_OPENED: (len(prompts), "prompts"),
            E.PROMPT_SERVED: (sum(prompt.served_at is not None for prompt in prompts), "served prompts"),
            E.PROMPT_ANSWERED: (answered, "answers"),
        }
        for kind, (count, what) in tally.items():
            if counts[kind] != count and not twice:
                self._break(3, f"there are {count} {what}, and {counts[kind]} events {kind}")

    def _waits(self) -> None:
        row = self.file.row
        hears = any(prompt.status == "open" for prompt in self.file.prompts)
        if row.status is S.PENDING_HITL and row.due_at is None and not hears:
            self._break(1, "waits for a person, and no prompt is open")
        if self.at_rest and row.status is S.RUNNING:
            self._break(1, f"rests as running, under worker {row.worker}")


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _object(data: str | None) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        value: object = json.loads(data or "{}")
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return {}


def _same(left: str | None, right: str | None) -> bool:
    return left == right or (left is not None and right is not None and json.loads(left) == json.loads(right))


def _misfit(schema: str, value: str | None) -> str | None:
    """Say why a value does not fit a schema, or None."""
    if value is None:
        return "there is no value"
    try:
        validator: Any = Draft202012Validator(json.loads(schema))  # its stub says less than pyright asks
        errors = validator.iter_errors(json.loads(value))
        return next((f"{error.json_path}: {error.message}"[:300] for error in errors), None)
    except ValueError as error:
        return f"not JSON: {error}"
