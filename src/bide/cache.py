"""The snapshot cache: jobs as last read, never stale, and the place where readers wait for a change.

A finished job never changes and needs no query. For the others one cheap number of the store says whether anything was
committed since; only then the events since the last look tell which snapshots to drop. The database is the truth: a
miss loads, and what is in here was read from it at most an hour ago. One thing it does not see at once: that a finished
job was deleted by another process.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from bide.errors import StoreError
from bide.store.base import Hint, JobRow, Store

log = logging.getLogger("bide.cache")

TTL = 3_600.0
"""Seconds a snapshot is kept at most."""

SWEEP_EVERY = 300.0
"""Seconds between two sweeps."""

AGAIN = 0.2
"""Seconds before the store is asked again after it failed."""

SIZE = 64 * 1024 * 1024
"""Bytes kept at most; the longest unused goes first."""

OVERHEAD = 1_000
"""Bytes that a snapshot takes beside its payloads."""

FEW = 2
"""Where no more jobs are watched, they are read themselves, rather than what has changed and then they."""

LIGHT = 16 * 1024
"""Bytes that one of these may take, to be read again and again."""


class _Entry(NamedTuple):
    row: JobRow
    loaded: float
    weight: int


def _weigh(row: JobRow) -> int:
    """The bytes that a snapshot takes, nearly: a character beyond ASCII takes up to four."""
    return OVERHEAD + sum(
        len(text) for text in (row.input, row.result, row.error, row.progress, row.labels) if text is not None
    )


class SnapshotCache:
    """Reads jobs for many readers of one process. Belongs to one event loop."""

    def __init__(self, store: Store, *, size: int = SIZE) -> None:
        self._store = store
        self._size = size
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._mark = -1
        self._position = -1
        self._generation = 0
        self._looking: asyncio.Task[None] | None = None
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._shown: dict[str, int] = {}
        """Of jobs that are watched: how far what was handed out of them goes, since those who watch were told."""
        self._announcing: asyncio.Task[None] | None = None
        self._hinted = False
        self.loads = 0
        """Rows read from the store: what the cache did not save."""
        self.bytes = 0
        """What the snapshots take."""

    async def get(self, job: str) -> JobRow | None:
        """The job as of now, or None."""
        entry = self._entries.get(job)
        # What is not here is read as it is now, and whoever watches hears of each look. Else a look comes first: the
        # next one would drop what it tells of anew. The first of all drops everything.
        if self._position < 0 or (job not in self._watchers if entry is None else not entry.row.status.terminal):
            await self._catch_up()
            entry = self._entries.get(job)
        if entry is not None and entry.loaded >= time.monotonic() - TTL:
            self._entries.move_to_end(job)
            return self._show(entry.row)
        generation = self._generation
        self.loads += 1
        rows = await self._store.get([job], None)
        if not rows:
            return None
        # A change that was announced while this was being read may be missing in it.
        if generation == self._generation:
            self._keep(_Entry(rows[0], time.monotonic(), _weigh(rows[0])))
        return self._show(rows[0])

    def _show(self, row: JobRow) -> JobRow:
        """Hand it out. Whoever watches the job may have been handed another, and what is told next may be older."""
        if row.id in self._watchers:
            shown = self._shown.setdefault(row.id, row.seq)
            if shown != row.seq:
                self._tell(row.id)
                self._shown[row.id] = max(shown, row.seq)
        return row

    def _tell(self, job: str) -> None:
        """Have everybody who watches the job read it again."""
        self._shown.pop(job, None)
        for changed in self._watchers.get(job, ()):
            changed.set()

    def drop(self, job: str) -> None:
        """Forget a job that was deleted; what is being read of it now does not count any more."""
        self._drop(job)
        self._generation += 1

    def clear(self) -> None:
        self._entries.clear()
        self.bytes = 0
        self._generation += 1

    def _keep(self, entry: _Entry) -> None:
        self._drop(entry.row.id)
        if entry.weight > self._size // 4:  # too many others would have to go for it
            return
        self._entries[entry.row.id] = entry
        self.bytes += entry.weight
        while self.bytes > self._size:
            self._drop(next(iter(self._entries)))

    def _drop(self, job: str) -> None:
        if entry := self._entries.pop(job, None):
            self.bytes -= entry.weight

    @contextmanager
    def watch(self, job: str) -> Generator[asyncio.Event]:
        """An event set at each change of the job. Clear it, then read, then wait for it: so no change is missed."""
        changed = asyncio.Event()
        self._watchers.setdefault(job, set()).add(changed)
        try:
            yield changed
        finally:
            watchers = self._watchers[job]
            watchers.discard(changed)
            if not watchers:
                del self._watchers[job]
                self._shown.pop(job, None)

    def wake_all(self) -> None:
        """Set every watcher's event: there will be no more changes to tell of."""
        for changed in itertools.chain.from_iterable(self._watchers.values()):
            changed.set()

    def hint(self, hint: Hint) -> None:
        """What the store tells its subscribers."""
        if hint is Hint.CHANGED and self._watchers:
            self._hinted = True
            if self._announcing is None or self._announcing.done():
                self._announcing = asyncio.get_running_loop().create_task(self._announce())

    async def sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            self.sweep()

    def sweep(self) -> int:
        """Drop snapshots older than the TTL; returns how many."""
        oldest = time.monotonic() - TTL
        stale = [job for job, entry in self._entries.items() if entry.loaded < oldest]
        for job in stale:
            self._drop(job)
        log.info("snapshot cache: dropped %d, kept %d", len(stale), len(self._entries))
        return len(stale)

    async def _announce(self) -> None:
        # Hints that come while a look is in flight start no second one: for them it is looked once more.
        while self._hinted and self._watchers:
            self._hinted = False
            try:
                if (watched := self._few()) is not None:
                    await self._read_watched(watched)
                else:
                    await self._catch_up()
            except StoreError as error:
                log.warning("could not look for changes, trying again: %s", error)
                self._hinted = True
                await asyncio.sleep(AGAIN)

    def _few(self) -> list[_Entry] | None:
        """The snapshots of the jobs that are watched, where these are few and light."""
        if len(self._watchers) > FEW:
            return None
        entries = [self._entries.get(job) for job in self._watchers]
        few = [entry for entry in entries if entry is not None and entry.weight <= LIGHT]
        return few if len(few) == len(entries) else None

    async def _read_watched(self, before: list[_Entry]) -> None:
        generation = self._generation
        self.loads += len(before)
        rows = {row.id: row for row in await self._store.get([entry.row.id for entry in before], None)}
        for entry in before:
            job = entry.row.id
            row = rows.get(job)
            if row is not None and row.seq == entry.row.seq:
                continue
            self._drop(job)
            if row is not None and generation == self._generation:
                self._keep(_Entry(row, time.monotonic(), _weigh(row)))
            self._tell(job)

    async def _catch_up(self) -> None:
        """Drop what changed before this call; concurrent readers share one look."""
        if self._looking is not None:
            # It may have begun before the change that this reader knows of, so it alone is not enough.
            await asyncio.wait([self._looking])
        if self._store.mark() != self._mark:
            if self._looking is None:
                self._looking = asyncio.get_running_loop().create_task(self._look())
            await asyncio.shield(self._looking)

    async def _look(self) -> None:
        try:
            mark = self._store.mark()
            changes = await self._store.changes(self._position)
        finally:
            self._looking = None
        self._position, self._mark = changes.mark, mark
        self._generation += 1
        if changes.jobs is None:
            stale = [job for job, entry in self._entries.items() if not entry.row.status.terminal]
            told = list(self._watchers)
        else:
            stale = list(changes.jobs & self._entries.keys())
            told = list(changes.jobs & self._watchers.keys())
        for job in stale:
            self._drop(job)
        for job in told:
            self._tell(job)
