"""A job's progress: clamped, never falling within an attempt, nested in stages, and written at most twice a second."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from bide.codec import escape
from bide.errors import InvalidOption
from bide.job import Progress, Stage

INTERVAL = 0.5
"""Seconds between two writes of one job's progress; the last value is never dropped."""

MESSAGE_LIMIT = 500


class StageScope:
    """A named part of a job that fills `low`–`high` percent of what surrounds it. Made by `ctx.stage`."""

    def __init__(self, meter: Meter, name: str, low: float, high: float, outer: StageScope | None) -> None:
        if not 0 <= low <= high <= 100:
            raise InvalidOption(f"Stage {name!r}: expected 0 ≤ low ≤ high ≤ 100, got {low}–{high}.")
        self.name = escape(name, MESSAGE_LIMIT)
        self._meter = meter
        self._outer = outer
        self.low = outer.map(low) if outer else float(low)
        self.high = outer.map(high) if outer else float(high)
        self._shown = Stage(name=self.name)

    def map(self, percent: float) -> float:
        """A percentage of this stage as one of the whole job."""
        return self.low + (self.high - self.low) * percent / 100

    def item(self, n: int, of: int, message: str | None = None) -> None:
        """Item `n` (1-based) of `of` begins: the stage is at (n - 1)/of."""
        if not 1 <= n <= of:
            raise InvalidOption(f"Stage {self.name!r}: item {n} of {of} does not exist.")
        self._shown = Stage(name=self.name, item=n, of=of)
        self._meter.set((n - 1) / of * 100, message, self)

    @property
    def path(self) -> tuple[Stage, ...]:
        return (*(self._outer.path if self._outer else ()), self._shown)


_stage: ContextVar[StageScope | None] = ContextVar("bide_stage", default=None)


class Meter:
    """The progress of one run. `write` gets the JSON text of a `Progress`, on the event loop.

    `shown` is what earlier runs of the same attempt have shown: its percentage is the floor. While `held()` says that
    the run still replays, or is being ended, nothing moves: a page must not jump back to what it showed an hour ago,
    nor on to what clean-up code says. What was said last in the replay is about the work that now begins, so `catch_up`
    shows it, unless more had been reached before.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        write: Callable[[str], None],
        held: Callable[[], bool],
        *,
        shown: str | None,
    ) -> None:
        self._loop = loop
        self._write = write
        self._held = held
        before = Progress.read(shown) if shown else Progress()
        self._floor = before.percent
        self._message = before.message
        self._written = shown
        self._next: str | None = None
        self._held_back: tuple[float, str | None, StageScope | None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def stage(self, name: str, low: float, high: float) -> Generator[StageScope]:
        scope = StageScope(self, name, low, high, _stage.get())
        token = _stage.set(scope)
        try:
            self.set(0, None, scope)
            yield scope
        finally:
            _stage.reset(token)

    def set(self, percent: float, message: str | None = None, stage: StageScope | None = None) -> None:
        """Note a percentage of `stage`, or of the current one. May be called from any thread."""
        scope = stage or _stage.get()
        if self._held():
            said = message if message is not None else self._held_back[1] if self._held_back else None
            self._held_back = percent, said, scope
            return
        self._put(percent, message, scope)

    def catch_up(self) -> None:
        """The replay is over: show what was held back last."""
        held_back, self._held_back = self._held_back, None
        if held_back is not None:
            percent, message, scope = held_back
            if self._floor is None or (scope.map(percent) if scope else percent) >= self._floor:
                self._put(percent, message, scope)

    def _put(self, percent: float, message: str | None, scope: StageScope | None) -> None:
        if math.isnan(percent):
            raise InvalidOption("Progress is a number from 0 to 100, not NaN.")
        clamped = min(100.0, max(0.0, float(percent)))
        whole = scope.map(clamped) if scope else clamped
        self._floor = whole if self._floor is None else max(self._floor, whole)
        if message is not None:
            self._message = escape(message, MESSAGE_LIMIT)
        shown = Progress(percent=round(self._floor, 2), message=self._message, stages=scope.path if scope else ())
        self._next = shown.model_dump_json(exclude_none=True, exclude_defaults=True)
        self._loop.call_soon_threadsafe(self._arm)

    def unwritten(self) -> str | None:
        """The last progress, if it has not been written yet; it then counts as written."""
        if self._next is None or self._next == self._written:
            return None
        self._written = self._next
        return self._written

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is None:
            self._flush()

    def _flush(self) -> None:
        self._timer = None
        progress = self.unwritten()
        if progress is not None:
            self._timer = self._loop.call_later(INTERVAL, self._flush)
            self._write(progress)
