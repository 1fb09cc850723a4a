"""Why a verb is refused: the errors that people are told, worded once for every store."""

from __future__ import annotations

import orjson

from bide.errors import AlreadyFinished, Conflict, NotFinished, NotFound, PromptClosed
from bide.store.base import PromptRow

_FINISHED = ("completed", "failed", "cancelled")
_CANCELLABLE = ("pending", "running", "pending_hitl", "cancelled")


def no_job(job: str) -> NotFound:
    return NotFound(f"Job {job} not found")


def not_finished(job: str, status: str) -> NotFinished:
    return NotFinished(f"Job {job} is {status}.", hint="Cancel it first, or wait for its end.")


def must_be_cancellable(job: str, status: str) -> None:
    """Raise where a job in this state cannot be cancelled."""
    if status in _FINISHED and status != "cancelled":
        raise AlreadyFinished(f"Job {job} is {status}.")
    if status not in _CANCELLABLE:
        raise Conflict(f"Job {job} is {status}, which this version of Bide does not know.", hint="Use the newer one.")


def taken_id(response: str) -> Conflict:
    return Conflict(f"The id {response} belongs to the response to another question.")


def closed(prompt: PromptRow, now: int) -> PromptClosed:
    """Why a prompt takes no answer."""
    recorded = prompt.response
    if recorded is not None:
        value = None if recorded.value is None else orjson.loads(recorded.value)
        reason = "expired" if recorded.defaulted else "answered"
        return PromptClosed(f"Prompt {prompt.id} was {reason} already.", reason=reason, response=value, by=recorded.by)
    if prompt.status == "expired" or (prompt.deadline_at is not None and prompt.deadline_at <= now):
        return PromptClosed(f"The deadline of prompt {prompt.id} has passed.", reason="expired")
    if prompt.status == "open":
        return PromptClosed(f"The job of prompt {prompt.id} is being cancelled.", reason="withdrawn")
    return PromptClosed(f"Prompt {prompt.id} was withdrawn.", reason="withdrawn")
