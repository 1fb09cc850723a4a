"""The nouns of an accepted run: `Job`, its status, its progress, its error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Generic
from uuid import UUID

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeVar

R_co = TypeVar("R_co", covariant=True, default=object)


class JobStatus(StrEnum):
    """Six states; the detail is in `Job.reason` and `Job.due_at`, not in more states.

    Readers accept statuses that only a newer version of Bide knows: such a one is none of these members, but it has its
    text, and does not count as terminal.
    """

    PENDING = "pending"
    RUNNING = "running"
    PENDING_HITL = "pending_hitl"
    """A question is open; no worker, lease or connection is held. A page says "waiting for you"."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL

    def __reduce_ex__(self, _protocol: object) -> tuple[Callable[[str], JobStatus], tuple[str]]:
        return JobStatus.read, (self.value,)

    @classmethod
    def read(cls, text: str) -> JobStatus:
        """The status that a row holds. `JobStatus(text)` refuses what is not known, and so a mistyped one."""
        try:
            return cls(text)
        except ValueError:
            status = str.__new__(cls, text)
            status._name_ = status._value_ = text
            return status


TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class Stage(BaseModel, frozen=True):
    """Where a job is inside one of its nested stages: item `item` of `of`, where it counts at all."""

    name: str
    item: int | None = None
    of: int | None = None


class Progress(BaseModel, frozen=True):
    """How far a job is. `percent` is 0–100, or None where nothing is known yet: the two must not look alike."""

    percent: float | None = None
    message: str | None = None
    stages: tuple[Stage, ...] = ()

    @classmethod
    def read(cls, text: str) -> Progress:
        """What a row holds; one that cannot be read, as a newer version may write, counts as nothing known."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return cls()


class JobError(BaseModel, frozen=True):
    """Why a job, or its last attempt, failed. `type` is the exception's class name."""

    type: str
    message: str
    traceback: str | None = None

    @classmethod
    def read(cls, text: str) -> JobError:
        """What a row holds; one that cannot be read, as a newer version may write, is shown as it is stored."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return cls(type="Unknown", message=text)


class Job(BaseModel, Generic[R_co], frozen=True):
    """A snapshot of one accepted run, as of event number `seq`.

    `R_co` is what the job's function returns; `result` is set once the status is `completed`, except in a list.
    """

    id: UUID
    type: str
    status: JobStatus
    reason: str | None = None
    """Why it is there: `delayed`, `retrying`, `sleeping`, `rescued`, `released`, `answered`, `expired`, `error`…"""
    queue: str
    priority: int
    owner: str
    labels: Mapping[str, str] = {}
    attempt: int
    """1-based; 0 before the first."""
    max_attempts: int
    progress: Progress
    result: R_co | None = None
    error: JobError | None = None
    created_at: datetime
    due_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    parent: UUID | None = None
    forked_from: UUID | None = None
    seq: int
    """The number of the job's last event: whatever a reader can see changes it."""
