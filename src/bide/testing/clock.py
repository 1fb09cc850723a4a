"""A clock that tests move."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from bide.schedule import Duration, seconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ManualClock:
    """Stands still until it is told to advance; give it to a store, and time passes for its jobs when the test says so.

        clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
        clock.advance("8d")

    Starts at `start`, a datetime with a time zone, or at the present. It only goes forward. A store reads it from
    threads of its own, so every call is safe from any thread.
    """

    def __init__(self, start: datetime | None = None) -> None:
        if start is None:
            self._now = time.time_ns() // 1000
        elif start.tzinfo is None:
            raise ValueError("ManualClock needs a time with a time zone: datetime(2030, 1, 1, tzinfo=UTC)")
        else:
            self._now = (start - _EPOCH) // timedelta(microseconds=1)
        self._lock = threading.Lock()

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        with self._lock:
            return self._now

    def advance(self, by: Duration = 0.0, /, *, us: int = 0) -> int:
        """Let `by` (as "8d", "250ms", a timedelta, or seconds) and `us` microseconds pass; returns the new time."""
        if us < 0:
            raise ValueError("ManualClock only goes forward")
        step = round(seconds(by) * 1_000_000) + us
        with self._lock:
            self._now += step
            return self._now
