"""The faults that are provoked here, each with what must follow; `covers` says which of them a test is about."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Row(Enum):
    """A fault, and the outcome expected of it."""

    KILL_MID_JOB = "kill -9 a worker mid-job", "taken back, attempt+1, finished steps not run again"
    KILL_BEFORE_RECORD = "kill between a side effect and its record", "it may repeat, with the same idempotency key"
    KILL_WHILE_WAITING = "kill everything while jobs wait for people", "nothing happens: questions open, nothing held"
    KILL_AT_ANSWER = "kill around the commit of an answer", "a retry gets the same receipt, or the answer is absent"
    SIGTERM = "SIGTERM", "no new claims; jobs finish, or are released unspent at the deadline; a second stops at once"
    LOST_REPLY = "API dies after commit, before replying", "the same idempotency key returns the same job"
    UNKNOWN_COMMIT = "commit outcome unknown", "never blindly retried; re-read by token"
    ZOMBIE = "a worker paused past its lease", "every write refused once rescued; its code sees LeaseLost"
    DISK_FULL = "disk full", "enqueue refused, nothing acknowledged; heals when space is back"
    LOCKED = "SQLite locked by other processes", "waited for, busy past the bound"
    TWO_PROCESSES = "two processes on one SQLite file", "supported on a local disk"
    CLOCK = "clock skew, clock jumps", "workers live by the observer's monotonic clock; due times by the database's"
    TWO_ANSWERS = "two people answer at once", "one accepted; the other is told the recorded answer"
    LATE_ANSWER = "answer after the deadline or after a cancel", "refused, naming the reason; one winner"
    UNFIT_ANSWER = (
        "early, wrong, ambiguous and foreign answers",
        "each refused with its reason; the question stays open",
    )
    CANCEL_RACE = "cancel against complete", "one terminal state; the loser is told the real state"
    DELETE_RACE = "delete and cleanup against run", "the condition is checked in the statement that writes"
    CANCEL = "cancel", "at once where nothing runs, else requested, delivered, and observed or forced"
    ENQUEUE_TWICE = "the same enqueue twice", "one job; another body under the same key is refused"
    PAYLOADS = "huge, deep or odd payloads", "refused at the boundary with the path; such a result fails the job, once"
    ODD_TEXT = "NUL or surrogates in a traceback, progress or log text", "escaped"
    BLOCKED_LOOP = "a blocked event loop", "stuck, not dead: the heartbeat has its own thread"
    ODD_ERRORS = "BaseException, KeyboardInterrupt, SystemExit, a failing __str__", "the job fails, the worker lives"
    SWALLOW = "user code swallows cancellation or suspension", "delivered five times, then forced; audited"
    CHANGED_CODE = "a job's function is gone, renamed or changed while it waits", "parked and visible, unspent"
    TWO_VERSIONS = "workers of two versions", "an older worker does not claim what it does not know"
    TIMEOUT = "a job runs past its timeout", "it ends as timed out; time waiting for a person does not count"
    SERVER_ENDS = (
        "PostgreSQL restarts, crashes, or ends all its backends",
        "calls are refused as retryable; jobs run on, and nothing acknowledged is lost; it is heard again",
    )
    SERVER_COMMIT = "the answer to a COMMIT is lost", "never blindly retried; found by its token, or told as unknown"
    POOL = "every connection of the pool is in use", "refused in time; heartbeats have a connection of their own"
    TAKEN_BACK = (
        "statement timeout, lock wait, deadlock, serialization failure",
        "rolled back, tried again within bounds, no attempt spent",
    )
    DEAF = "the connection that listens is dropped, or stands half-open", "armed again; polling is always enough"
    SERVER_FULL = "the disk of PostgreSQL is full", "refused, nothing acknowledged; heals when space is back"
    MIGRATION = "a migration while workers run", "it waits for no lock for long; older workers go on"
    STARVATION = "urgent jobs without end", "what has been ready for long goes before every priority"


def covers(*rows: Row) -> Callable[[F], F]:
    """Say which faults a test provokes: `test_rows` finds a row without one."""

    def mark(test: F) -> F:
        test.__dict__["rows"] = rows
        return test

    return mark
