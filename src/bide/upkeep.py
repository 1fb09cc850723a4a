"""What every worker does besides its jobs: wake what is due, expire questions, rescue the dead's jobs, prune.

Every worker does all of it, in small transactions that find nothing to do where another was first: no leader can be
missing. Deadlines are rows, so nothing here is remembered between two sweeps but how long other workers stood still,
and how long runs with a timeout were seen to go on: by this process's own clock, since wall clocks jump.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from bide.store.base import BEATS_A_LEASE, Prunable, Store

log = logging.getLogger("bide.upkeep")

BATCH = 1_000
"""How many overdue jobs are taken back in one call."""

PRUNE_EVERY = 600.0
"""Seconds between two prunings by the retention."""


class _Stillness(NamedTuple):
    """For how many seconds a worker's counter was seen to stand still, and when that was last looked at."""

    beat: int
    still: float
    looked: float


class _Seen(NamedTuple):
    """For how many seconds a run was seen to go on, and when that was last looked at."""

    ran: float
    looked: float


class Upkeep:
    """The sweeps of one worker. `sweep` is all of it once; the worker calls it in a loop, tests call it by hand."""

    host: str = ""
    """The id of the worker it works for: never taken for dead by itself."""

    pruned: Callable[[], None] | None = None
    """To call when finished jobs were deleted: others in this process may hold what they read of them."""

    def __init__(self, store: Store, *, grace: float, age_limit: float, retention: float | None) -> None:
        self._store = store
        self._grace = grace
        self._age_limit = round(age_limit * 1_000_000)
        self._retention = None if retention is None else round(retention * 1_000_000)
        self._seen: dict[str, _Stillness] = {}
        self._timed: dict[tuple[str, int], _Seen] = {}
        self._pruned = float("-inf")

    async def sweep(self, *, thorough: bool = True) -> None:
        """Do what is due. `thorough`: also look for missing workers, overdue and old jobs, which may wait a little."""
        await self._all(self._store.wake_due)
        await self._all(self._store.expire)
        dead = await self._dead()
        if dead or thorough:
            await self._rescue(dead)
        if thorough:
            await self.overdue()
            await self._all(lambda: self._store.promote(self._age_limit))
            await self._all(self._store.forget_permits)
            await self._prune()

    async def rescue(self) -> int:
        """Take back the jobs of workers that died, stood still for a lease, or are missing."""
        return await self._rescue(await self._dead())

    async def overdue(self) -> int:
        """Take back the jobs that this process has seen running for longer than their timeout and the grace."""
        now = time.monotonic()
        seen: dict[tuple[str, int], _Seen] = {}
        late: list[tuple[str, int]] = []
        for job, lease, left in await self._store.timed():
            before = self._timed.get((job, lease), _Seen(0.0, now))
            # Of a time in which nobody could look no more than the grace counts, so that alone it takes no job back: it
            # may have ended long ago, and wait for the database.
            ran = before.ran + min(now - before.looked, self._grace)
            seen[job, lease] = _Seen(ran, now)
            if ran > left / 1_000_000 + self._grace:
                late.append((job, lease))
        self._timed = seen
        taken = 0
        for first in range(0, len(late), BATCH):
            taken += await self._store.overdue(dict(late[first : first + BATCH]))
        if taken:
            log.warning("%d job(s) taken back that ran past their timeout", taken)
        return taken

    async def _dead(self) -> list[str]:
        now = time.monotonic()
        dead: list[str] = []
        seen: dict[str, _Stillness] = {}
        for worker in await self._store.workers():
            if worker.id == self.host:
                continue
            lease = worker.lease / 1_000_000
            before = self._seen.get(worker.id)
            still = 0.0
            if before is not None and before.beat == worker.beat:
                # Of a long time between two looks a beat's worth counts: what stood still then may have been this
                # process, or the database, which nobody could write to.
                still = before.still + min(now - before.looked, lease / BEATS_A_LEASE)
            seen[worker.id] = _Stillness(worker.beat, still, now)
            if still > lease or self._store.gone(worker):
                dead.append(worker.id)
        self._seen = seen
        return dead

    async def _rescue(self, dead: list[str]) -> int:
        rescued = await self._all(lambda: self._store.rescue(dead))
        if dead or rescued:
            log.warning("%d worker(s) found dead, %d job(s) taken back", len(dead), rescued)
        return rescued

    async def next_due(self) -> float | None:
        """Seconds until the next deadline in the store, if there is one."""
        due = await self._store.next_due()
        return None if due is None else max(0.0, (due - self._store.now()) / 1_000_000)

    async def _prune(self) -> None:
        now = time.monotonic()
        if self._retention is None or now - self._pruned < PRUNE_EVERY:
            return
        self._pruned = now
        prunable = Prunable(before=self._store.now() - self._retention)
        deleted = total = await self._store.prune(prunable, None)
        while deleted:
            deleted = await self._store.prune(prunable, None)
            total += deleted
        if total:
            if self.pruned is not None:
                self.pruned()
            log.info("pruned %d finished job(s) past the retention", total)

    async def _all(self, verb: Callable[[], Awaitable[int]]) -> int:
        """Until it finds no more. One call changes a bounded number, so that others come between two."""
        total = 0
        while changed := await verb():
            total += changed
        return total
