"""What every worker does besides its jobs: wake what is due, expire questions, rescue the dead's jobs, prune.

Every worker does all of it, in small transactions that find nothing to do where another was first: no leader can be
missing. Deadlines are rows, so nothing here is remembered between two sweeps but how long other workers stood still.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from bide.store.base import Prunable, Store

log = logging.getLogger("bide.upkeep")

BATCH = 1_000
"""What one call of an upkeep verb changes at most; a full batch is followed by another."""

PRUNE_EVERY = 600.0
"""Seconds between two prunings by the retention."""


class Upkeep:
    """The sweeps of one worker. `sweep` is all of it once; the worker calls it in a loop, tests call it by hand."""

    def __init__(self, store: Store, *, grace: float, age_limit: float, retention: float | None) -> None:
        self._store = store
        self._grace = round(grace * 1_000_000)
        self._age_limit = round(age_limit * 1_000_000)
        self._retention = None if retention is None else round(retention * 1_000_000)
        self._seen: dict[str, tuple[int, float]] = {}
        self._pruned = float("-inf")

    async def sweep(self, *, thorough: bool = True) -> None:
        """Do what is due. `thorough`: also look for dead workers, overdue and old jobs, which may wait a little."""
        await self._all(self._store.wake_due)
        await self._all(self._store.expire)
        if thorough:
            await self.rescue()
            await self._all(lambda: self._store.overdue(self._grace))
            await self._all(lambda: self._store.promote(self._age_limit))
            await self._prune()

    async def rescue(self) -> int:
        """Take back the jobs of workers that died, stood still for a lease, or are missing."""
        now = time.monotonic()
        dead: list[str] = []
        workers = await self._store.workers()
        for worker in workers:
            beat, since = self._seen.get(worker.id, (None, now))
            if beat != worker.beat:
                since = now
            self._seen[worker.id] = worker.beat, since
            # By this process's own clock: wall clocks jump, and other hosts' differ.
            if now - since > worker.lease / 1_000_000 or self._store.gone(worker):
                dead.append(worker.id)
        for gone in self._seen.keys() - {worker.id for worker in workers}:
            del self._seen[gone]
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
            log.info("pruned %d finished job(s) past the retention", total)

    async def _all(self, verb: Callable[[], Awaitable[int]]) -> int:
        total = 0
        while True:
            changed = await verb()
            total += changed
            if changed < BATCH:
                return total
