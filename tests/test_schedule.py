"""Durations: what is read, what is refused and how, and due times in the store's unit."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bide.errors import InvalidDuration
from bide.schedule import LONGEST, Duration, due_at, seconds

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("250ms", 0.25),
        ("90", 90),
        ("0", 0),
        ("0.5", 0.5),
        ("90s", 90),
        ("10m", 10 * MINUTE),
        ("1h30m", HOUR + 30 * MINUTE),
        ("1.5h", HOUR + 30 * MINUTE),
        ("7d", 7 * DAY),
        ("2w", 14 * DAY),
        (" 1d 2h\n", DAY + 2 * HOUR),
        ("1w2d3h4m5s6ms", 9 * DAY + 3 * HOUR + 4 * MINUTE + 5.006),
        ("3650d", LONGEST),
        (0, 0),
        (10, 10),
        (0.25, 0.25),
        (LONGEST, LONGEST),
        (timedelta(days=1, microseconds=1), DAY + 0.000001),
        (timedelta(0), 0),
    ],
    ids=repr,
)
def test_reads(duration: Duration, expected: float) -> None:
    result = seconds(duration)
    assert result == pytest.approx(expected, abs=1e-9)
    assert type(result) is float


@pytest.mark.parametrize(
    "duration",
    [
        *(
            "",
            " ",
            "m",
            "10 minutes",
            "10M",
            "10x",
            "1h1h",
            "5m1h",
            "1ms1s",
            "-5m",
            "+5m",
            "1e3",
            "1_000",
            "1.h",
            ".5h",
        ),
        *("1,5h", "PT5M", "nan", "inf", "٣m", "10m;", "3651d", "9" * 400, "1\x00m"),
        *(-1, -0.001, math.nan, math.inf, -math.inf, LONGEST + 1, 10**400, True, False),
        *(timedelta(microseconds=-1), timedelta.max),
        *(None, b"10m", [10], 1j, {10}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_refuses_and_names_the_remedy(duration: Any) -> None:
    with pytest.raises(InvalidDuration) as caught:
        seconds(duration)
    assert repr(duration)[:60] in str(caught.value)
    assert "'1h30m'" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert isinstance(caught.value, ValueError)


@given(st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_a_timedelta_and_its_text_agree(delta: timedelta) -> None:
    text = f"{delta.days}d{delta.seconds}s{delta.microseconds / 1000:.3f}ms"
    assert seconds(text) == pytest.approx(seconds(delta), abs=1e-6)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidDuration):
        assert 0 <= seconds(text) <= LONGEST


@given(st.integers(0, 2**53), st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_due_times_are_exact_to_the_microsecond(now_us: int, delay: timedelta) -> None:
    due = due_at(now_us, delay)
    assert type(due) is int
    assert due - now_us == delay // timedelta(microseconds=1)


def test_a_number_too_large_to_write_is_refused() -> None:
    with pytest.raises(InvalidDuration, match="int object"):
        seconds(10**5000)


def test_due_at_takes_every_form() -> None:
    assert due_at(1_000_000, "1.5s") == due_at(1_000_000, 1.5) == 2_500_000
    assert due_at(7, 0) == 7
    with pytest.raises(InvalidDuration):
        due_at(0, "soon")
