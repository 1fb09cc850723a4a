"""Durations as people write them, and due times as the store keeps them.

The store's unit of time is the integer microsecond since 1970-01-01 UTC. A duration is elapsed time: "1d" is 24 hours,
across a change of clocks too. Nothing here reads a clock; the time is an argument.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import TypeAlias

from bide.errors import InvalidDuration

Duration: TypeAlias = str | timedelta | float
"""A text such as "1h30m", a `timedelta`, or a number of seconds."""

LONGEST = 3650 * 86_400.0
"""Seconds in ten years of 365 days: nothing waits longer. What asks for more is a unit mistaken, mostly."""

_UNITS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
# Each unit at most once and the longest first, so that a slip of the hand ("1h1h", "5m1h") is refused, not guessed at.
_PATTERN = re.compile(r"\s*".join(f"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _UNITS))
_PLAIN_NUMBER = re.compile(_NUMBER)

_REMEDY = "Write '250ms', '90s', '10m', '1h30m', '7d' or '2w', a timedelta, or seconds as a number; at most 10 years."


def seconds(duration: Duration, *, option: str | None = None) -> float:
    """Return `duration` in seconds, from 0 to LONGEST.

    A text holds numbers with the units w, d, h, m, s, ms: each at most once, the longest first, fractions allowed
    ("1.5h"), spaces between them allowed. A text without a unit, and a number, count seconds. Raises InvalidDuration
    for anything else: negative, NaN, infinite, longer than ten years, empty, another unit, a bool. `option` names
    what it is the value of.
    """
    match duration:
        case str():
            parsed = _parse(duration)
            if parsed is None:
                raise _invalid(duration, "it cannot be read", option)
            value = parsed
        case timedelta():
            value = duration.total_seconds()
        # bool is an int for Python, but `timeout=True` is a mistake.
        case int() | float() if not isinstance(duration, bool):
            value = duration
        case _:
            raise _invalid(duration, "it is not a duration", option)
    # One comparison refuses NaN as well, and an int too large for a float before it is made one.
    if not 0 <= value <= LONGEST:
        raise _invalid(duration, "it is not between zero and ten years", option)
    return float(value)


def due_at(now_us: int, delay: Duration) -> int:
    """Return the time `delay` after `now_us`; both times are microseconds since 1970-01-01 UTC.

    Raises InvalidDuration as `seconds` does.
    """
    return now_us + round(seconds(delay) * 1_000_000)


@lru_cache(maxsize=256)  # a program knows few durations, and reads them again for every job
def _parse(text: str) -> float | None:
    written = text.strip()
    if _PLAIN_NUMBER.fullmatch(written):
        return float(written)
    match = _PATTERN.fullmatch(written)
    if not written or match is None:
        return None
    return sum(float(number) * _UNITS[unit] for unit, number in match.groupdict("0").items())


def _invalid(duration: object, reason: str, option: str | None) -> InvalidDuration:
    try:
        shown = repr(duration)
    except ValueError:  # Python writes out no int of more than 4,300 digits
        shown = object.__repr__(duration)
    return InvalidDuration(f"{shown[:60]} is no valid duration: {reason}.", hint=_REMEDY, option=option)
