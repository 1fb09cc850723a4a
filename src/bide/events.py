"""What every reader sees: immutable facts of a job, numbered 1..n without gaps.

An event is written in the transaction of the change it tells of, so the list of them is audit trail, live stream
and source of notifications in one. Folding them gives the job's row.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field


class EventKind(StrEnum):
    # Edges of the state machine: see transitions.py.
    ENQUEUED = "job.enqueued"
    STARTED = "job.started"
    COMPLETED = "job.completed"
    FAILED = "job.failed"
    RETRYING = "job.retrying"
    RELEASED = "job.released"
    RESCUED = "job.rescued"
    SLEEPING = "job.sleeping"
    WAITING = "job.waiting"
    RESUMED = "job.resumed"
    CANCELLED = "job.cancelled"
    # Facts that leave the status alone.
    CANCEL_REQUESTED = "cancel.requested"
    CANCEL_DELIVERED = "cancel.delivered"
    PROGRESS = "progress"
    STEP_COMPLETED = "step.completed"
    STEP_FAILED = "step.failed"
    PROMPT_OPENED = "prompt.opened"
    PROMPT_SERVED = "prompt.served"
    PROMPT_ANSWERED = "prompt.answered"
    PROMPT_EXPIRED = "prompt.expired"
    PROMPT_WITHDRAWN = "prompt.withdrawn"
    OUTPUT = "output"
    OUTPUT_RESET = "output.reset"
    LOG = "log"


class Event(BaseModel, frozen=True):
    """Event `seq` of job `job_id`. `data` is small and JSON; what it holds depends on `kind`."""

    job_id: UUID
    seq: int
    at: datetime
    kind: str
    """An `EventKind`; readers accept kinds they do not know."""
    attempt: int
    data: Annotated[
        dict[str, Any], Field(description="Times in it, `due_at` and `deadline_at`, are text of RFC 3339.")
    ] = {}
