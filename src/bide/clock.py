"""The one place the time comes from."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's wall clock, for what is written down."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000


def instant(at: int) -> datetime:
    """A stored time as a datetime in UTC."""
    return datetime.fromtimestamp(at / 1_000_000, UTC)


def microseconds(at: datetime) -> int:
    """A datetime as it is stored, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


_EPOCH = datetime.fromtimestamp(0, UTC)


def alive_for() -> float:
    """Seconds since boot, suspended time included: what a lease is measured by, since wall clocks jump."""
    return time.clock_gettime(_SINCE_BOOT)


_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
