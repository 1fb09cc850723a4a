"""The contract every store keeps: its verbs, the rows they take and give, and the promises of each.

Units and forms, everywhere: ids are UUID strings (version 7, made by the client); times are integer microseconds since
the epoch, UTC, taken from the store's clock inside the transaction; payloads are JSON **text** that no SQL looks into.

Rules that hold for every verb:

*  One verb is one transaction: the change and its events are written together, or neither is.
*  A change that a reader can see takes the job's next `seq` and writes the event of that number.
*  `owner` is part of the query. None means every owner (for an administrator or the engine); a job of another owner
   does not exist: `NotFound`, never a different error.
*  A write of a running job carries its `lease`. It counts only while the row is `running` with that very lease; leaving
   `running` by any way raises the lease. A write that does not count changes nothing and is told so.
*  Every verb may be repeated with the same arguments after its outcome was lost: a token in them (the job's id, the
   lease, the prompt's id, the response's id) makes the second call return what the first one did.
*  `StoreBusy`, `StoreFull` and `StoreUnavailable` mean that nothing was written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from bide.events import EventKind
from bide.hitl import PromptStatus
from bide.job import JobStatus

Action: TypeAlias = Literal["answer", "cancel"]


BEATS_A_LEASE = 3
"""How often a worker advances its counter within its lease."""


class Clock(Protocol):
    """Where a store takes its time from: tests move it."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        ...


# What is made for every job is a named tuple: a frozen dataclass takes three times as long to make.

# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class NewJob(NamedTuple):
    """A job to accept. `delay` is microseconds from now; `digest` is of type and input, for idempotency. `labels` are
    JSON text of an object of texts, or empty. `lane` names the jobs with which it shares a limit; empty: it has none of
    its own."""

    id: str
    type: str
    type_version: int = 1
    queue: str = "default"
    priority: int = 0
    owner: str = ""
    max_attempts: int = 1
    timeout: int | None = None
    delay: int = 0
    idempotency_key: str | None = None
    digest: str = ""
    parent: str | None = None
    labels: str = ""
    lane: str = ""
    input: str = "{}"

    def row(self, created_at: int) -> JobRow:
        """The stored row, as it is from when it was accepted until something happens to the job."""
        delay = max(self.delay, 0)
        return JobRow(
            id=self.id,
            type=self.type,
            type_version=self.type_version,
            queue=self.queue,
            priority=self.priority,
            owner=self.owner,
            status=JobStatus.PENDING,
            reason="delayed" if delay else None,
            attempt=0,
            max_attempts=self.max_attempts,
            lease=0,
            seq=1,
            input=self.input,
            result=None,
            error=None,
            progress=None,
            timeout=self.timeout,
            elapsed=0,
            created_at=created_at,
            due_at=created_at + delay if delay else None,
            started_at=None,
            finished_at=None,
            cancel_requested_at=None,
            worker=None,
            idempotency_key=self.idempotency_key,
            parent=self.parent,
            forked_from=None,
            labels=self.labels or None,
            lane=self.lane,
        )


class Fork(NamedTuple):
    """A job to make of another one. `after`: keep what was recorded up to this event of it; None: everything.

    `by` is who asked for it, for the history. `digest` is of what is forked, for idempotency. `finished`: only if the
    other one is.
    """

    id: str
    after: int | None = None
    by: str | None = None
    idempotency_key: str | None = None
    digest: str = ""
    finished: bool = False


class JobRow(NamedTuple):
    """A job as stored. `progress` and `error` are JSON text of `job.Progress` and `job.JobError`, or None; `labels`
    of an object of texts, or None."""

    id: str
    type: str
    type_version: int
    queue: str
    priority: int
    owner: str
    status: JobStatus
    reason: str | None
    attempt: int
    max_attempts: int
    lease: int
    seq: int
    input: str
    result: str | None
    error: str | None
    progress: str | None
    timeout: int | None
    elapsed: int
    created_at: int
    due_at: int | None
    started_at: int | None
    finished_at: int | None
    cancel_requested_at: int | None
    worker: str | None
    idempotency_key: str | None
    parent: str | None
    forked_from: str | None
    labels: str | None
    lane: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """`pos` orders the events of all jobs of a store; `seq` those of one job. `data` is JSON text or None."""

    pos: int
    job: str
    seq: int
    at: int
    kind: str
    attempt: int
    lease: int
    data: str | None

    @property
    def size(self) -> int:
        """Bytes of `data` in UTF-8."""
        data = self.data or ""
        # Told without a look at each character where all of them are ASCII.
        return len(data) if data.isascii() else len(data.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A remembered step: its encoded result, or its final failure (JSON text of `{"type", "message"}`).

    `result` is None and `size` positive where the result is over `LAZY_BYTES`: `Store.step_result` loads it on use.
    """

    name: str
    key: str
    result: str | None
    error: str | None
    size: int = 0


LAZY_BYTES = 64 * 1024

PAGE_BYTES = 256 * 1024
"""How much the events of one page may come to, as `EventRow.size` counts it; one that is larger comes alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRow:
    id: str
    prompt: str
    job: str
    action: Action
    value: str | None
    by: str | None
    at: int
    defaulted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrompt:
    """A question to open. `timeout` is microseconds from now. `default` is the encoded answer at the deadline.

    `replaces` is the id of an answered prompt with the same key, whose answer the author's own model refused: it is
    withdrawn, and this one opens in its place.
    """

    id: str
    key: str
    kind: str
    data: str
    schema: str
    assignee: str | None = None
    timeout: int | None = None
    default: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    id: str
    job: str
    owner: str
    key: str
    kind: str
    data: str
    schema: str
    status: PromptStatus | str
    assignee: str | None
    default: str | None
    opened_at: int
    deadline_at: int | None
    served_at: int | None
    closed_at: int | None
    response: ResponseRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """What a job that ran before is given to replay. `prompts` are those not withdrawn, answered ones with response."""

    steps: Sequence[StepRow]
    prompts: Sequence[PromptRow]


class Claim(NamedTuple):
    """A job that this worker may now execute and write for, by its lease. Positional, in the hot path.

    `recall` is None on a job's very first claim. `elapsed` is what this attempt already ran, microseconds; `progress`
    what it has shown, None where it has shown nothing yet.
    """

    id: str
    type: str
    input: str
    attempt: int
    max_attempts: int
    lease: int
    timeout: int | None
    elapsed: int
    owner: str
    progress: str | None
    recall: Recall | None


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Completed(NamedTuple):
    """`data` is for the event: recorded steps never visited, say. JSON text."""

    result: str
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """For good. `error` is JSON text of `job.JobError`; `reason`: `error`, `timeout`, `refused`, `undecodable`…"""

    error: str
    reason: str = "error"


@dataclass(frozen=True, slots=True)
class Retrying:
    """This attempt failed; the next is due in `delay` microseconds.

    Recorded failures of steps are forgotten and prompts that expired without a default withdrawn: the next attempt may
    take another path. Results and answers stay.
    """

    error: str
    delay: int


@dataclass(frozen=True, slots=True)
class Released:
    """Given back unspent, by a worker that drains: the next claim continues the same attempt."""

    data: str | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The run observed a cancel that had been requested. `data` is for the event (`{"swallowed": n}`)."""

    data: str | None = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """The run waits: for the prompts in `awaiting` (their ids), or for `wake_at`, whichever comes first.

    Under the job's row lock: a prompt of `awaiting` that is not open any more, or a `wake_at` that has passed, sends
    the job back to the queue at once (RESUMED); else it is WAITING (with open prompts) or SLEEPING (without). Open
    prompts that are not awaited are withdrawn. No attempt is spent. `data` is for the event (`{"swallowed": n}`).
    """

    awaiting: tuple[str, ...]
    wake_at: int | None
    data: str | None = None


Outcome: TypeAlias = Completed | Failed | Retrying | Released | Cancelled | Suspended


class Settle(NamedTuple):
    """How one run ended. `elapsed`: microseconds this run executed. `progress`: its last one, if not yet written."""

    job: str
    lease: int
    elapsed: int
    outcome: Outcome
    progress: str | None = None


class Settled(Enum):
    APPLIED = auto()
    """The outcome stands (perhaps written by an earlier call whose reply was lost)."""
    CANCELLED = auto()
    """A cancel had been requested: the job is cancelled instead. A cancel is never overwritten."""
    LOST = auto()
    """The lease had been lost: nothing was written."""
    HELD = auto()
    """A transaction of somebody else holds the row: nothing was written yet. To be settled again, a little later."""


class LaneLimit(NamedTuple):
    """How many jobs of a lane may run at once, and how many may start within any `period` of microseconds. None: any
    number."""

    concurrency: int | None = None
    rate: int | None = None
    period: int = 0


@dataclass(frozen=True, slots=True)
class Demand:
    """Up to `limit` ready jobs of these types from these queues: by urgency, then due time, then age.

    `types` are names, each with the newest version that is known: what is newer is left to others. What comes may be
    less than `limit` where its inputs are large: no more than it takes to come to `batch.MAX_BYTES`.

    A queue in `queue_limits` is a lane of its own. Jobs that name a lane are limited by `type_limits` of their type.
    What a claim takes from a lane runs with a permit, and counts there for as long as its lease does, whoever claimed
    it; where a lane is full, what is behind it in the order is taken instead.
    """

    queues: tuple[str, ...]
    types: Mapping[str, int]
    limit: int
    queue_limits: Mapping[str, LaneLimit] = field(default_factory=dict[str, LaneLimit])
    type_limits: Mapping[str, LaneLimit] = field(default_factory=dict[str, LaneLimit])


def queue_lane(queue: str) -> str:
    """The name under which a limited queue counts what runs. The lanes of jobs have names that begin otherwise."""
    return f"queue {queue}"


class Fact(NamedTuple):
    """An event that leaves the status alone: PROGRESS, OUTPUT, OUTPUT_RESET, LOG, CANCEL_DELIVERED. `data`: JSON text.

    A PROGRESS fact's data is also the job's new `progress`.
    """

    job: str
    lease: int
    kind: EventKind
    data: str


class Timed(NamedTuple):
    """A running job with a timeout. `left`: microseconds of it that this run had when it began."""

    job: str
    lease: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    id: str
    host: str
    pid: int
    queues: tuple[str, ...]
    slots: int
    lease: int
    """How long it may stand still before it counts as dead, microseconds."""
    started_at: int = 0
    beat: int = 0
    beat_at: int = 0
    dead_at: int | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """What the database holds for a worker. Not `alive`: its row is gone or a tombstone, so stop all and register anew.

    `running` maps the jobs that are running under it to their leases; `cancels` are those of them to be cancelled.
    """

    alive: bool
    running: Mapping[str, int]
    cancels: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list shows; an empty tuple is no restriction. `before` is the cursor: ids older than this one.

    `labels` are pairs of name and value, all of which a job must have. `created_after` and `created_before` are
    microseconds: from the one on, and earlier than the other.
    """

    statuses: tuple[JobStatus, ...] = ()
    types: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    created_after: int | None = None
    created_before: int | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """Which finished jobs may be deleted: finished before `before` (microseconds), in one of these terminal states."""

    before: int
    statuses: tuple[JobStatus, ...] = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts per status, also of those that only a newer version knows; `ready`: what could be claimed now; `oldest`:
    the first `finished_at` per terminal status."""

    by_status: Mapping[JobStatus, int]
    ready: int
    open_prompts: int
    oldest: Mapping[JobStatus, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened since a mark. `jobs` None: too much to tell, so assume everything changed."""

    mark: int
    jobs: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Feed:
    """Events of several jobs in the order of `pos`, each with the owner of its job. `position` is how far was looked:
    all that matched up to there is in `events`."""

    events: Sequence[tuple[str, EventRow]]
    position: int


class Hint(Enum):
    """Why somebody is woken. Only a hint: everything is correct by polling."""

    READY = auto()
    """A job may have become claimable."""
    CANCEL = auto()
    """A running job may have been asked to end."""
    CHANGED = auto()
    """Something a reader can see has changed."""


class Accepted(NamedTuple):
    """The job is new, as it was handed in."""

    created_at: int


class Existing(NamedTuple):
    """The idempotency key, or the id, had made this job before."""

    job: JobRow


@dataclass(frozen=True, slots=True)
class IdempotencyClash:
    """Another call has this key; `job` is the id of what it made."""

    key: str
    job: str


Inserted: TypeAlias = Accepted | Existing | IdempotencyClash
"""What became of a job that was handed in."""


NOTHING: Mapping[str, int] = MappingProxyType({})
"""Nothing ran."""

# ── The verbs ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Joined(Protocol):
    """A transaction of a caller's, in which a store's verbs take part: what they write is there when it is committed,
    and never was when it is rolled back. Made by `Store.join`; for one task at a time.

    Every verb raises UnusableConnection where the connection is none of the store's own database, or has no transaction
    (autocommit, say). Beyond that and StoreBusy, errors are the driver's own: the caller knows what to do about a
    serialization failure. Nobody is told of what is written before it is committed, and at the latest by polling then.
    """

    async def begin(self) -> None:
        """Begin the transaction where none has begun, and wait for what must be waited for before it may write.

        Raises StoreBusy, and UnusableConnection where the driver has a transaction of which it would not know that
        somebody else ends it.
        """
        ...

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        """As `Store.insert`. A key that another transaction holds is waited for; StoreBusy where that takes too long.

        Whatever it answers, and after StoreBusy, the transaction goes on as it was before.
        """
        ...

    async def record(self, job: str, lease: int, step: StepRow, data: str, facts: Sequence[Fact] = ()) -> None:
        """As `Store.record`, behind these facts of the same run. Raises LeaseLost: then it is to be rolled back."""
        ...

    async def commit(self) -> None:
        """Commit the caller's transaction, and let others know. If this raises, `Store.recorded` tells what it did."""
        ...

    async def rollback(self) -> None:
        """Take back the caller's transaction."""
        ...


class Store(Protocol):
    """All verbs may be called from any event loop of the process. A verb returns after its commit."""

    inserts_at_once: ClassVar[int]
    """How many calls of `insert` may be in flight before another one would only wait."""

    async def open(self) -> None:
        """Connect, and bring the schema up to date where the store does that itself.

        Raises SchemaMismatch, naming the remedy, or StoreUnavailable.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun, then let go of every connection, thread, file and socket."""
        ...

    def now(self) -> int:
        """The store's clock, for what is only shown or compared, never written."""
        ...

    def subscribe(self, wake: Callable[[Hint], None]) -> Callable[[], None]:
        """Call `wake` on the caller's event loop after commits of this or any other process; returns the way to stop.

        Several commits may be told as one.
        """
        ...

    def join(self, on: object) -> Joined:
        """Take part in the transaction of this connection of the caller's: of a driver, or a session of SQLAlchemy.

        Touches nothing yet. Raises UnusableConnection where it is none that the store knows.
        """
        ...

    # Intake

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        """Accept jobs, in order, each with its ENQUEUED event. One clash does not fail the others.

        A job whose (owner, idempotency key) exists is not created again: same digest, the existing job; other digest, a
        clash. The same id again is the same call again: the existing job.
        """
        ...

    async def fork(self, job: str, owner: str | None, fork: Fork) -> JobRow:
        """Make a new job of this one, pending, with its type, input, queue, priority, owner, labels and limits.

        Copied are the steps recorded without an error, and the questions that were answered, by a person or at their
        deadline, with their responses; their events are written anew behind ENQUEUED, whose data has `forked_from`.
        Keys, digests and ids count as for `insert`: what exists already is returned as it is. Raises NotFound,
        NotFinished where `finished` asks for it, and IdempotencyConflict.
        """
        ...

    # Executing

    async def settle_and_claim(
        self,
        worker: str,
        settles: Sequence[Settle],
        demands: Sequence[Demand],
        *,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Sequence[Settled], Sequence[Claim]]:
        """Write how runs ended and take new ones, in one transaction. The answers are in the order of `settles`.

        What is given back here may be claimed here. `meanwhile` is called on the caller's event loop once the database
        is at work, at most once and perhaps never: what the caller has to compute delays nothing then.

        COMPLETED and FAILED and CANCELLED set `finished_at` and withdraw the open prompts. With a cancel requested
        every outcome becomes CANCELLED. Claims are empty while the worker's row is not alive. A claim raises `lease`,
        and `attempt` unless it continues one. In no lane do more run, or have more started, than the demand says that
        claims from it; STARTED tells of the limits under which a job was taken (`limits`: of its `queue`, its `lane`).
        """
        ...

    async def record(self, job: str, lease: int, step: StepRow, data: str) -> None:
        """Remember a step, once, with STEP_COMPLETED or STEP_FAILED and `data`. Raises LeaseLost.

        A requested cancel does not refuse it: the effect is done. Recording the same step again changes nothing.
        """
        ...

    async def recorded(self, job: str, name: str, key: str) -> bool:
        """Whether a step is remembered. Waits for a transaction that has recorded it and has not ended yet."""
        ...

    async def step_result(self, job: str, name: str, key: str) -> str:
        """The stored result of one step, however large."""
        ...

    async def emitters(self, job: str) -> Collection[tuple[str, str]]:
        """The steps of a job, by name and key, that have written output, recorded or not: what the `step` and the `key`
        in the data of its OUTPUT events say."""
        ...

    async def ask(self, job: str, lease: int, prompt: NewPrompt) -> PromptRow:
        """Open a prompt, or return the one this (job, key) has that is not withdrawn: the stored one wins,
        unless it is the one to be replaced.

        Raises LeaseLost.
        """
        ...

    async def note(self, facts: Sequence[Fact]) -> Sequence[bool | None]:
        """Append facts in order; False where the lease was lost. A job may appear more than once.

        None where a transaction of somebody else holds the row: to be handed in again, before later facts of the job.
        """
        ...

    # Liveness

    async def register(self, worker: WorkerRow) -> None:
        """A worker begins. Its id is new."""
        ...

    async def beat(self, worker: str) -> Beat:
        """Advance the worker's counter, if its row is alive, and read what runs under it."""
        ...

    async def cancels(self, worker: str) -> Collection[str]:
        """The jobs running under this worker that were asked to end: what `beat` tells too, without writing."""
        ...

    async def retire(self, worker: str, executed: Mapping[str, int] = NOTHING) -> None:
        """A worker ends in order: its row goes; jobs still running under it are released unspent.

        `executed` is how long each of them ran there, microseconds; what is not in it did not begin.
        """
        ...

    async def release(self, jobs: Mapping[str, int], executed: Mapping[str, int] = NOTHING) -> None:
        """Give back, unspent, jobs claimed by a call whose reply was lost; id to lease. `executed` as in `retire`."""
        ...

    async def workers(self) -> Sequence[WorkerRow]:
        """All workers that are not tombstones."""
        ...

    def gone(self, worker: WorkerRow) -> bool:
        """True if the store can tell, without waiting for a lease to pass, that this worker's process has ended."""
        ...

    async def rescue(self, dead: Collection[str]) -> int:
        """Bury these workers, then take back every job running under a worker that is buried or missing.

        RESCUED and pending if an attempt is left, else FAILED (`worker_lost`); CANCELLED where a cancel was requested.
        Returns how many jobs. Bounded: at most 1,000 a call.
        """
        ...

    async def timed(self) -> Sequence[Timed]:
        """The running jobs that have a timeout.

        No time of the database says how long they have been running: its clock may have been set meanwhile. Who asks
        again and again knows that by a clock of its own.
        """
        ...

    async def overdue(self, jobs: Mapping[str, int]) -> int:
        """Take back jobs that ran past their timeout, id to lease, even from a live worker: like rescue, but the reason
        is `timeout`. Returns how many still had these leases.
        """
        ...

    # Upkeep. Each call is bounded (1,000 rows) and returns how many rows it changed.

    async def wake_due(self) -> int:
        """Make delayed, retrying and sleeping jobs whose time has come ready; resume waiting ones whose sleep ended."""
        ...

    async def expire(self) -> int:
        """Close open prompts past their deadline: with the default's response where there is one; wake their jobs."""
        ...

    async def promote(self, waited: int) -> int:
        """Lift jobs ready for longer than `waited` microseconds above every priority, where something is above them."""
        ...

    async def forget_permits(self) -> int:
        """Delete permits that no run holds and no rate counts any more: of lanes from which nobody claims now.

        A queue whose rate has let its next job start for a second is forgotten too: while any is known, each claim
        looks for limits. Returns how many permits.
        """
        ...

    async def next_due(self) -> int | None:
        """When the next delayed or sleeping job or prompt's deadline is due, or a lane opens whose rate is used up."""
        ...

    # People and control

    async def serve(self, job: str, owner: str | None) -> Sequence[PromptRow]:
        """The open prompts of a job, oldest first, noting (PROMPT_SERVED, once each) that they were shown.

        Raises NotFound.
        """
        ...

    async def respond(
        self, response: str, prompt: str, owner: str | None, action: Action, value: str | None, by: str | None
    ) -> ResponseRow:
        """Record the answer of an open prompt, once, and wake its job; `cancel` cancels the job as `cancel` does.

        `response` is the caller's id of this very response: the same id again returns the same row. Raises NotFound,
        and PromptClosed with what was recorded. The deadline is checked here, in the writing statement.
        """
        ...

    async def cancel(self, job: str, owner: str | None, by: str | None, reason: str | None) -> JobRow:
        """Cancel at once where nothing runs (CANCELLED), else request it (CANCEL_REQUESTED, once).

        A job already cancelled, or asked to, is returned as it is. Raises NotFound, AlreadyFinished.
        """
        ...

    async def delete(self, job: str, owner: str | None) -> None:
        """Remove one finished job with all that belongs to it. Raises NotFound, NotFinished."""
        ...

    async def prune(self, prunable: Prunable, owner: str | None, limit: int = 500) -> int:
        """Delete at most `limit` prunable jobs, oldest first, with all that belongs to them. The condition is checked
        in the deleting statement. Returns how many."""
        ...

    # Reading

    async def get(self, jobs: Sequence[str], owner: str | None) -> Sequence[JobRow]:
        """Those of these jobs that exist, in no particular order."""
        ...

    async def list(self, filter: JobFilter, owner: str | None) -> Sequence[JobRow]:
        """Newest first, without their payloads: `input` is empty and `result` None, however large they are."""
        ...

    async def history(self, job: str, owner: str | None, after: int, limit: int) -> Sequence[EventRow]:
        """Events with `seq` above `after`, in order. Empty also where the job does not exist.

        A page: at most `limit`, no more than fit into `PAGE_BYTES`, and one at least where there is one. Its end is the
        end of the history only where it is empty.
        """
        ...

    async def prompts(
        self,
        owner: str | None,
        *,
        job: str | None = None,
        prompt: str | None = None,
        open_only: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[PromptRow]:
        """Prompts in the order of their ids, oldest first, behind the id `after`; reading them does not serve them."""
        ...

    async def answered_by(self, response: str, job: str, owner: str | None) -> PromptRow | None:
        """The prompt of this job that the response with this id answered, if there is one."""
        ...

    async def last_closed(self, job: str, owner: str | None) -> PromptRow | None:
        """The prompt of a job that was answered, expired or withdrawn last, if there is one."""
        ...

    async def steps(self, job: str, owner: str | None) -> Sequence[StepRow]:
        """Every remembered step of a job, by name and key. Empty also where the job does not exist.

        Large results stay where they are, as in a claim: `step_result` loads one.
        """
        ...

    async def orphans(self) -> Sequence[str]:
        """Rows of any table that belong to no job (or a response to no prompt), one line of text each, at most 100.

        There are none, ever: the checker asks.
        """
        ...

    async def stats(self, owner: str | None) -> Stats: ...

    async def count_prunable(self, prunable: Prunable, owner: str | None) -> int:
        """How many jobs `prune` would delete: the same predicate."""
        ...

    async def feed(self, after: int, owners: Collection[str] | None, limit: int = 1_000) -> Feed:
        """Events of jobs of these owners (None: of all) behind the position `after`: a page, as of `history`.

        Looks at 10,000 events a call at most, whosever they are. With `after=-1` there are none: only the position.
        """
        ...

    def mark(self) -> int:
        """A number that differs whenever something was committed since, by whatever process: cheap, no query. See
        `changes`. It may differ where nothing was: a store that cannot know without asking lets its readers ask."""
        ...

    async def changes(self, since: int) -> Changes:
        """The jobs with events after the position `since`, and the position now. Begin with `since=-1`: everything."""
        ...


async def whole_history(store: Store, job: str, owner: str | None, after: int, limit: int) -> list[EventRow]:
    """`Store.history` page by page: `limit` events, or all there are, whatever they come to."""
    events: list[EventRow] = []
    while len(events) < limit and (
        page := await store.history(job, owner, events[-1].seq if events else after, limit - len(events))
    ):
        events += page
    return events
