"""The time of the database, for processes whose own clocks differ."""

from __future__ import annotations

import time


class DatabaseClock:
    """The machine's clock, corrected by what the database's was found to differ: leases and deadlines are compared in
    one time, whichever process writes them. It is learnt anew with each look at the database (`Wakes`)."""

    def __init__(self) -> None:
        self._behind = 0

    def now(self) -> int:
        return time.time_ns() // 1000 + self._behind

    def learn(self, asked: int, told: int, heard: int) -> None:
        """The database said `told`, in microseconds, between these two times of the machine."""
        self._behind = told - (asked + heard) // 2
