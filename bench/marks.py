"""When each job ran, told by any number of processes through a file that all of them map.

Nothing but the standard library: the environments of the peers load this file, too.
"""

from __future__ import annotations

import asyncio
import mmap
import time
from collections.abc import Callable
from pathlib import Path

SLOT = 8
"""Bytes of a time."""


async def until(done: Callable[[], bool], pause: float) -> None:
    """Look every `pause` seconds: another process makes it so."""
    while True:
        if done():
            return
        await asyncio.sleep(pause)


class Marks:
    """One time a number, in seconds of a clock that all processes of a machine share; 0 where nothing was marked."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._times = memoryview(self._map).cast("d")

    @classmethod
    def create(cls, path: Path, count: int) -> Marks:
        path.write_bytes(bytes(SLOT * max(1, count)))
        return cls(path)

    def mark(self, number: int) -> None:
        self._times[number] = time.monotonic()

    def __getitem__(self, number: int) -> float:
        return self._times[number]

    def is_set(self, number: int) -> bool:
        return self._times[number] > 0

    def marked(self, count: int) -> list[float]:
        """The times of the first so many that were marked, in order of time."""
        return sorted(filter(None, self._times[:count].tolist()))

    def close(self) -> None:
        self._times.release()
        self._map.close()
