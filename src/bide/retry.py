"""Whether a failed attempt is tried again, and when: pure decisions; time and chance are arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from bide.errors import (
    DuplicateStep,
    Fail,
    InvalidArguments,
    InvalidDuration,
    InvalidOption,
    InvalidPayload,
    NestedStep,
    PromptTimedOut,
    Retry,
    UnencodableType,
)
from bide.schedule import LONGEST, seconds

Random: TypeAlias = Callable[[], float]
"""Returns a float in [0, 1), as `random.random` does."""

HOPELESS: tuple[type[BaseException], ...] = (
    Fail,
    DuplicateStep,
    InvalidArguments,
    InvalidDuration,
    InvalidOption,
    InvalidPayload,
    NestedStep,
    PromptTimedOut,
    UnencodableType,
)
"""What another attempt does not mend: the job said so, its code is wrong, or a question was left unanswered."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a job or step is attempted, and how long it waits between two attempts.

    The wait before attempt n + 1 is `base * factor ** (n - 1)` seconds, at most `cap`, less a random share of up to
    `jitter`. So `jitter` spans the schemes that Marc Brooker compares in "Exponential Backoff And Jitter" (AWS
    Architecture Blog, 2015): 1 is his full jitter, 0 is none, and the default 0.5 is his equal jitter. Full jitter
    does a little less work against a contended lock, but may come back at once; a model API that just answered 429
    wants a wait with a floor. The share is only ever taken away: `cap` holds.

    max_attempts: attempts in all, the first included; 1 means that nothing is retried.
    retry_on, give_up_on: exception classes. An error is retried if it is in `retry_on` and not in `give_up_on`.

    Raises InvalidOption for values that make no sense.
    """

    max_attempts: int = 1
    base: float = 1.0
    factor: float = 2.0
    cap: float = 3600.0
    jitter: float = 0.5
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    give_up_on: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        # The annotations do not hold at run time: these values come from decorators, and from settings.
        self._require("max_attempts", _is_whole(self.max_attempts) and self.max_attempts >= 1, "a whole number from 1")
        self._require("base", _is_number(self.base) and 0 <= self.base <= LONGEST, "seconds from 0 to ten years")
        self._require("factor", _is_number(self.factor) and 1 <= self.factor < math.inf, "a finite number from 1")
        self._require(
            "cap", _is_number(self.cap) and self.base <= self.cap <= LONGEST, "seconds from base to ten years"
        )
        self._require("jitter", _is_number(self.jitter) and 0 <= self.jitter <= 1, "a share from 0 to 1")
        self._require("retry_on", _are_exceptions(self.retry_on), "a tuple of exception classes")
        self._require("give_up_on", _are_exceptions(self.give_up_on), "a tuple of exception classes")

    def _require(self, field: str, holds: bool, expected: str) -> None:
        if not holds:
            raise InvalidOption(f"RetryPolicy({field}={getattr(self, field)!r}): expected {expected}.")


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The attempt was the last. `reason` is a clause for the job's history: "attempt 3 of 3"."""

    reason: str


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Another attempt begins in `seconds` from now."""

    seconds: float


def next_delay(policy: RetryPolicy, attempt: int, *, random: Random) -> float:
    """Return the seconds to wait after `attempt` (1-based) failed: within [0, policy.cap]."""
    try:
        grown = min(policy.cap, policy.base * float(policy.factor) ** (attempt - 1))
    except OverflowError:
        # The power left the range of floats, long after any cap; only a base of zero stays zero.
        grown = policy.cap if policy.base else 0.0
    return grown * (1 - policy.jitter * random())


def decide(policy: RetryPolicy, error: BaseException, attempt: int, *, random: Random) -> GiveUp | RetryAfter:
    """Return what follows when `attempt` (1-based) ended with `error`.

    `Retry`, raised by the job, asks for another attempt whatever the classes of the policy say, after its own delay
    if it names one; `Fail` ends the job. Neither lifts the maximum: a Retry in the last attempt gives up. A Retry
    whose `after` cannot be read gives up too, because coming back earlier than the job meant may cost money.

    A `TaskGroup` wraps what its tasks raise, so an exception group is judged by what it holds: one error that is not
    to be retried gives up, and of several delays asked for the longest holds.
    """
    causes = list(_causes(error))
    for cause in causes:
        if reason := _objection(policy, error, cause):
            return GiveUp(reason)
    if attempt >= policy.max_attempts:
        return GiveUp(f"attempt {attempt} of {policy.max_attempts}")
    wishes = [cause.after for cause in causes if isinstance(cause, Retry) and cause.after is not None]
    try:
        delay = max(map(seconds, wishes)) if wishes else next_delay(policy, attempt, random=random)
    except InvalidDuration as invalid:
        return GiveUp(f"Retry(after=…): {invalid}")
    return RetryAfter(delay)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, or all that an exception group holds at any depth; not recursive, as groups may nest deeply."""
    pending = [error]
    while pending:
        match pending.pop():
            case BaseExceptionGroup(exceptions=held):
                pending.extend(reversed(held))
            case single:
                yield single


def _objection(policy: RetryPolicy, raised: BaseException, cause: BaseException) -> str | None:
    """Say why `cause` forbids another attempt, or None. `raised` is the group it came in, or `cause` itself."""
    name = type(cause).__name__
    if isinstance(cause, Retry):
        return None
    if isinstance(cause, Fail):
        return "the job raised Fail"
    if isinstance(cause, HOPELESS):
        return f"{name} would only happen again"
    # A policy may name the group's own class, as well as what is in it.
    if isinstance(cause, policy.give_up_on) or isinstance(raised, policy.give_up_on):
        return f"{name} is in give_up_on"
    if not isinstance(cause, policy.retry_on):
        return f"{name} is not in retry_on"
    return None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_exceptions(classes: object) -> bool:
    if not isinstance(classes, tuple):
        return False
    return all(isinstance(c, type) and issubclass(c, BaseException) for c in cast("tuple[object, ...]", classes))
