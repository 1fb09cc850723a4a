"""Every exception Bide raises, in one tree.

    BideError
    ├── InvalidPayload            a value is not JSON, too deep, too large: names the JSON path
    ├── UnencodableType           an annotation from which no codec can be built (also TypeError)
    ├── InvalidDuration           a duration that cannot be read (also ValueError)
    ├── InvalidArguments          arguments that do not fit a job's signature (also TypeError)
    ├── InvalidOption             an option of a job, a step or a setting that makes no sense (also ValueError)
    ├── UnusableConnection        what was handed in as `on=` cannot take part: names the remedy (also TypeError)
    ├── UnknownJobType            no job type of this name is registered here
    ├── NotStarted                the app is not open yet: names the remedy
    ├── NotFound                  no such job or prompt for this owner (also LookupError)
    ├── Conflict                  the state of the thing forbids it; says which state
    │   ├── IdempotencyConflict   one key, two different requests
    │   ├── AlreadyFinished       the job is in a terminal state
    │   ├── NotFinished           the job is still unfinished
    │   ├── PromptClosed          answered, expired or withdrawn already; carries what was recorded
    │   ├── PromptNotServed       answered before anybody was shown it
    │   ├── PromptAmbiguous       several prompts are open and the response names none
    │   └── NotAssigned           the prompt is somebody else's to answer
    ├── InvalidResponse           a response that does not fit its prompt; the prompt stays open
    ├── StoreError                the database could not do it
    │   ├── StoreBusy             locked by others past the bound; try again
    │   ├── StoreFull             no space left; nothing was acknowledged
    │   ├── StoreUnavailable      cannot be opened or reached
    │   └── SchemaMismatch        the schema is older or newer than this version of Bide
    ├── LeaseLost                 somebody else may write for this job now
    ├── JobEnded                  a context used after its job ended
    ├── NestedStep                ask, sleep, step or enqueue inside a step
    ├── DuplicateStep             one step key twice in one run
    ├── StepFailed                a step failed for good, now or in an earlier run
    ├── PromptTimedOut            the deadline of a question passed without an answer (also TimeoutError)
    ├── JobTimedOut               an attempt ran past the job's timeout (also TimeoutError)
    ├── JobFailed                 raised to who waits for the result of a failed job
    ├── JobWasCancelled           raised to who waits for the result of a cancelled job
    ├── Fail                      raised by a job: fail now, whatever attempts remain
    └── Retry                     raised by a job: try again after a while

    JobCancelled, Suspended       BaseException, inside `def` jobs only: unwind, this run is over

`code` is stable and safe to show; `retryable` says whether the same call may succeed later; `hint` names the
remedy. An HTTP layer turns them into RFC 9457 problems without a table of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

SHOWN_FLAWS = 20
"""Flaws of one value that an error lists: more help nobody, and there may be as many as a body has room for."""


class BideError(Exception):
    """The base of every error that Bide raises on purpose."""

    code: ClassVar[str] = "bide_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


# ── What a caller hands in ───────────────────────────────────────────────────────────────────────────────────────────


class InvalidPayload(BideError):
    """A value that is not JSON as Bide keeps it. `path` is where, as `$.a[3].b`.

    `errors` has each flaw that was found, as `InvalidResponse` has them, up to SHOWN_FLAWS.
    """

    code = "invalid_payload"

    def __init__(self, path: str, reason: str, *, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.errors = [dict(flaw) for flaw in errors] or [{"path": "", "message": reason}]


class UnencodableType(BideError, TypeError):
    """No codec can be built from this annotation."""

    code = "unencodable_type"

    def __init__(self, annotation: object, reason: str) -> None:
        super().__init__(f"{annotation!r} cannot be kept as JSON: {reason}")
        self.annotation = annotation
        self.reason = reason


class InvalidDuration(BideError, ValueError):
    """`errors` has the flaw, as `InvalidResponse` has them, where it is the value of the option of this name."""

    code = "invalid_duration"

    def __init__(self, message: str, *, hint: str | None = None, option: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = _of_option(option, message)


class InvalidArguments(BideError, TypeError):
    """`errors` has each flaw where the arguments came as JSON, as `InvalidResponse` has them, up to SHOWN_FLAWS."""

    code = "invalid_arguments"

    def __init__(self, message: str, *, hint: str | None = None, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message, hint=hint)
        self.errors = [dict(flaw) for flaw in errors]


class InvalidOption(BideError, ValueError):
    """`errors` has the flaw, as `InvalidResponse` has them, where it is the value of the option of this name."""

    code = "invalid_option"

    def __init__(self, message: str, *, hint: str | None = None, option: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = _of_option(option, message)


def _of_option(option: str | None, message: str) -> list[dict[str, str]]:
    return [] if option is None else [{"path": f"/{option}", "message": message}]


class UnusableConnection(BideError, TypeError):
    """What was handed in as `on=` is no connection that Bide knows, is one of another database, or has no transaction
    in which Bide could take part. Nothing was written."""

    code = "unusable_connection"


class UnknownJobType(BideError):
    code = "unknown_job_type"


class NotStarted(BideError):
    code = "not_started"


# ── What the state of things forbids ─────────────────────────────────────────────────────────────────────────────────


class NotFound(BideError, LookupError):
    code = "not_found"


class Conflict(BideError):
    code = "conflict"


class IdempotencyConflict(Conflict):
    """The idempotency key was used before, with another body. `job_id` is the job it made, or answered."""

    code = "idempotency_conflict"

    def __init__(self, key: str, job_id: UUID, other: str = "type or input") -> None:
        super().__init__(
            f"The idempotency key {key!r} belongs to job {job_id}, and was sent with another {other}.",
            hint="Send the same request again, or use a new key.",
        )
        self.key = key
        self.job_id = job_id


class AlreadyFinished(Conflict):
    code = "already_finished"


class NotFinished(Conflict):
    code = "not_finished"


class PromptClosed(Conflict):
    """The prompt takes no answer any more.

    `reason` is `answered`, `expired` or `withdrawn`; `response` and `by` are what was recorded when it was answered.
    """

    code = "prompt_closed"

    def __init__(self, message: str, *, reason: str, response: Any = None, by: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.response = response
        self.by = by


class PromptNotServed(Conflict):
    """Without an id, an answer counts only for a prompt that somebody was shown since it opened."""

    code = "prompt_not_served"
    retryable = True


class PromptAmbiguous(Conflict):
    code = "prompt_ambiguous"


class NotAssigned(Conflict):
    code = "not_assigned"


class InvalidResponse(BideError):
    """The response does not fit its prompt. `errors` are `{"path": "/field", "message": …}`, JSON pointers."""

    code = "invalid_response"

    def __init__(self, message: str, errors: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.errors = errors


# ── The database ─────────────────────────────────────────────────────────────────────────────────────────────────────


class StoreError(BideError):
    code = "store_error"


class StoreBusy(StoreError):
    code = "store_busy"
    retryable = True


class StoreFull(StoreError):
    code = "store_full"
    retryable = True


class StoreUnavailable(StoreError):
    code = "store_unavailable"
    retryable = True


class SchemaMismatch(StoreError):
    code = "schema_mismatch"


# ── Inside a job ─────────────────────────────────────────────────────────────────────────────────────────────────────


class LeaseLost(BideError):
    """The job was rescued, cancelled or finished elsewhere: no write of this run counts any more."""

    code = "lease_lost"


class JobEnded(BideError):
    code = "job_ended"


class NestedStep(BideError):
    code = "nested_step"


class DuplicateStep(BideError):
    code = "duplicate_step"


class StepFailed(BideError):
    """A step failed for good. Live and replayed it looks the same: `step`, `error` (the class's name), `message`."""

    code = "step_failed"

    def __init__(self, step: str, error: str, message: str, *, final: bool = False) -> None:
        super().__init__(f"step {step!r} failed: {error}: {message}")
        self.step = step
        self.error = error
        self.detail = message
        self.final = final
        """Another attempt of the job would not mend it, by the job's retry policy."""


class PromptTimedOut(BideError, TimeoutError):
    """Nobody answered before the deadline. Uncaught, it fails the job."""

    code = "prompt_timed_out"

    def __init__(self, key: str) -> None:
        super().__init__("HITL interaction timed out")
        self.key = key


class JobTimedOut(BideError, TimeoutError):
    code = "job_timed_out"


class Fail(BideError):
    """Raise it in a job: the job fails now, whatever attempts remain."""

    code = "failed"


class Retry(BideError):
    """Raise it in a job: this attempt ends, and the next begins after `after` (default: what the policy says).

    It spends an attempt as any failure does; after the last one the job fails.
    """

    code = "retry"

    def __init__(self, message: str = "retry requested", *, after: str | timedelta | float | None = None) -> None:
        super().__init__(message)
        self.after = after


class JobCancelled(BaseException):
    """Raised in a `def` job by `check_cancelled()` and by every verb once a cancel was requested.

    Not an `Exception`, as `asyncio.CancelledError` is not one: `except Exception` must not swallow it.
    """


class Suspended(BaseException):
    """Raised in a `def` job by a verb that waits for a person or a time: the run ends here and is replayed later."""


# ── To who waits for a result ────────────────────────────────────────────────────────────────────────────────────────


class JobFailed(BideError):
    """`error` is the class's name, `detail` the message."""

    code = "job_failed"

    def __init__(self, job_id: UUID, error: str, message: str) -> None:
        super().__init__(f"Job {job_id} failed: {error}: {message}")
        self.job_id = job_id
        self.error = error
        self.detail = message


class JobWasCancelled(BideError):
    code = "job_cancelled"

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"Job {job_id} was cancelled.")
        self.job_id = job_id
