"""Retries: the waits between attempts, and which errors are worth another one."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bide.errors import DuplicateStep, Fail, InvalidOption, InvalidPayload, PromptTimedOut, Retry, StepFailed
from bide.retry import HOPELESS, GiveUp, RetryAfter, RetryPolicy, decide, next_delay

THREE = RetryPolicy(max_attempts=3, jitter=0)


def no_chance() -> float:
    raise AssertionError("chance must not be asked")


def decision(policy: RetryPolicy, error: BaseException, attempt: int = 1) -> GiveUp | RetryAfter:
    return decide(policy, error, attempt, random=lambda: 0.5)


def test_waits_grow_up_to_the_cap() -> None:
    policy = RetryPolicy(base=1, factor=2, cap=10, jitter=0)
    assert [next_delay(policy, n, random=lambda: 0.9) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(("jitter", "at_most", "at_least"), [(0, 4, 4), (0.5, 4, 2), (1, 4, 0)])
def test_jitter_takes_a_share_away(jitter: float, at_most: float, at_least: float) -> None:
    policy = RetryPolicy(base=4, jitter=jitter)
    assert next_delay(policy, 1, random=lambda: 0.0) == at_most
    assert next_delay(policy, 1, random=lambda: math.nextafter(1, 0)) == pytest.approx(at_least)


@given(
    base=st.floats(0, 100),
    factor=st.floats(1, 1e300),
    cap=st.floats(100, 1e6),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 10**9),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_waits_stay_between_zero_and_the_cap(
    base: float, factor: float, cap: float, jitter: float, attempt: int, chance: float
) -> None:
    policy = RetryPolicy(base=base, factor=factor, cap=cap, jitter=jitter)
    assert 0 <= next_delay(policy, attempt, random=lambda: chance) <= cap


@pytest.mark.parametrize("factor", [2, 2.0, 10**400])
def test_a_wait_beyond_the_floats_is_the_cap(factor: float) -> None:
    assert next_delay(RetryPolicy(factor=factor, jitter=0), 10**6, random=lambda: 0) == 3600
    assert next_delay(RetryPolicy(factor=factor, base=0, jitter=0), 10**6, random=lambda: 0) == 0


def test_nothing_is_retried_unless_asked() -> None:
    assert decision(RetryPolicy(), ValueError()) == GiveUp("attempt 1 of 1")


def test_the_maximum_holds() -> None:
    assert [decision(THREE, ValueError(), n) for n in (1, 2, 3, 4)] == [
        RetryAfter(1),
        RetryAfter(2),
        GiveUp("attempt 3 of 3"),
        GiveUp("attempt 4 of 3"),
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError(), None),
        (TimeoutError(), None),
        (ConnectionRefusedError(), "ConnectionRefusedError is in give_up_on"),
        (ValueError(), "ValueError is not in retry_on"),
        (KeyboardInterrupt(), "KeyboardInterrupt is not in retry_on"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_class_decides(error: BaseException, reason: str | None) -> None:
    policy = RetryPolicy(3, jitter=0, retry_on=(OSError,), give_up_on=(ConnectionRefusedError,))
    assert decision(policy, error) == (GiveUp(reason) if reason else RetryAfter(1))


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_only_exceptions_are_retried_by_default(error: BaseException) -> None:
    assert isinstance(decision(THREE, error), GiveUp)


@pytest.mark.parametrize(
    "error", [InvalidPayload("$", "NaN"), PromptTimedOut("publish"), DuplicateStep("twice"), Fail("no")], ids=repr
)
def test_what_would_only_happen_again_is_not_tried_again(error: Exception) -> None:
    assert isinstance(error, HOPELESS)
    assert isinstance(decision(THREE, error), GiveUp)


def test_a_failed_step_is_worth_another_attempt_of_the_job() -> None:
    assert decision(THREE, StepFailed("draft", "TimeoutError", "slow")) == RetryAfter(1)


@pytest.mark.parametrize(
    ("after", "expected"), [("5m", 300), (timedelta(days=1), 86_400), (7, 7), (0, 0), ("30d", 2_592_000), (None, 2)]
)
def test_retry_names_its_delay(after: Any, expected: float) -> None:
    assert decide(THREE, Retry("busy", after=after), 2, random=lambda: 0) == RetryAfter(expected)


def test_a_delay_asked_for_has_no_jitter() -> None:
    assert decide(RetryPolicy(3), Retry(after=9), 1, random=no_chance) == RetryAfter(9)


def test_retry_overrides_the_classes_but_not_the_maximum() -> None:
    policy = RetryPolicy(2, jitter=0, retry_on=(), give_up_on=(Exception,))
    assert decision(policy, Retry(), 1) == RetryAfter(1)
    assert decision(policy, Retry(), 2) == GiveUp("attempt 2 of 2")


def test_a_delay_that_cannot_be_read_gives_up_and_says_so() -> None:
    outcome = decision(THREE, Retry(after="7 dys"))
    assert isinstance(outcome, GiveUp)
    assert "'7 dys'" in outcome.reason


def test_fail_ends_the_job_whatever_the_classes_say() -> None:
    assert decision(RetryPolicy(9, retry_on=(Fail,)), Fail("enough")) == GiveUp("the job raised Fail")


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([OSError(), OSError()], RetryAfter(1)),
        ([OSError(), ExceptionGroup("inner", [ValueError()])], GiveUp("ValueError is not in retry_on")),
        ([OSError(), Fail("no")], GiveUp("the job raised Fail")),
        ([Retry(after=5), OSError(), Retry(after=9), Retry()], RetryAfter(9)),
        ([Retry(after=5), ValueError()], GiveUp("ValueError is not in retry_on")),
    ],
    ids=repr,
)
def test_a_group_is_judged_by_what_it_holds(held: list[Exception], expected: GiveUp | RetryAfter) -> None:
    policy = RetryPolicy(3, jitter=0, retry_on=(OSError,))
    assert decision(policy, ExceptionGroup("tasks", held)) == expected


def test_a_group_may_be_named_itself() -> None:
    policy = RetryPolicy(3, give_up_on=(ExceptionGroup,))
    assert decision(policy, ExceptionGroup("tasks", [OSError()])) == GiveUp("OSError is in give_up_on")


def test_groups_nest_as_deep_as_they_like() -> None:
    error: Exception = Fail("no")
    for _ in range(5_000):
        error = ExceptionGroup[Exception]("tasks", [error])
    assert decision(THREE, error) == GiveUp("the job raised Fail")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("max_attempts", value) for value in (0, -1, 1.5, True, "3", None)),
        *(("base", value) for value in (-1, math.nan, math.inf, True, "1s", 10**400, 3601)),
        *(("factor", value) for value in (0.5, math.nan, math.inf, "2")),
        *(("cap", value) for value in (0.5, -1, math.nan, math.inf, "1h")),
        *(("jitter", value) for value in (-0.1, 1.1, math.nan, "half")),
        *(
            (field, value)
            for field in ("retry_on", "give_up_on")
            for value in (OSError, [OSError], (int,), ("OSError",))
        ),
    ],
)
def test_refuses_what_makes_no_sense(field: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=rf"RetryPolicy\({field}=|RetryPolicy\(cap="):
        RetryPolicy(**{field: value})
