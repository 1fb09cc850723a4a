"""Natural batching: while a flush is in flight, what comes next gathers; never a timer.

An idle batcher flushes the first item at once, so a lone caller pays nothing for the crowd; under load the batches grow
to what one flush lets gather.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from bide.errors import BideError

T = TypeVar("T")
R = TypeVar("R")

MAX_ITEMS = 1_000
MAX_BYTES = 4 * 1024 * 1024

ENOUGH = 32
"""Items that are worth a flush beside another one."""

AGAIN = 0.05
"""Seconds after which it is tried again what could not be done, at the latest."""


_flushers: set[asyncio.Task[None]] = set()


def is_flushing() -> bool:
    """Whether the task that runs is a batcher's own: one that nobody cancels."""
    return asyncio.current_task() in _flushers


def split(items: Iterable[T], size: Callable[[T], int], most: int = MAX_BYTES) -> Iterator[list[T]]:
    """Cut many items, each of about `size(item)` bytes, into batches of no more than `most` bytes and `MAX_ITEMS`, one
    item at least. What comes behind a batch is not looked at before the batch is taken, except for one item."""
    batch: list[T] = []
    total = 0
    for item in items:
        total += size(item)
        if batch and (len(batch) == MAX_ITEMS or total > most):
            yield batch
            batch, total = [], size(item)
        batch.append(item)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Item(Generic[T, R]):
    item: T
    size: int
    answer: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Gathers the items of concurrent callers for `flush`, which answers each item in order.

    Belongs to the event loop it is first used on. A flush that raises a BideError fails every item of its batch. Any
    other error is one item's, and must not fail the rest: each of them is flushed again by itself, so a flush that
    raises has done nothing. An item that it answers with None it could not do yet: that one is in the next flush again,
    before what was handed in later, and holds nothing up.

    `at_once` flushes may be in flight. A crowd that waits for one flush does nothing meanwhile; so each takes no more
    than its share of all that is handed in, and while one half is written, the other is made.
    """

    def __init__(self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R | None]]], *, at_once: int = 1) -> None:
        self._flush = flush
        self._at_once = at_once
        self._waiting: deque[_Item[T, R]] = deque()
        self._again: list[_Item[T, R]] = []
        self._flying = 0
        self._news = asyncio.Event()
        self._flushers: set[asyncio.Task[None]] = set()

    def put(self, item: T, size: int = 0) -> asyncio.Future[R]:
        """Hand in an item of about `size` bytes; the future ends when its flush has."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append(_Item(item, size, answer))
        self._news.set()
        if not self._flushers or (len(self._flushers) < self._at_once and len(self._waiting) >= ENOUGH):
            flusher = loop.create_task(self._run())
            self._flushers.add(flusher)
            _flushers.add(flusher)
            flusher.add_done_callback(_flushers.discard)
        return answer

    async def drain(self) -> None:
        """Wait until everything handed in so far has been flushed."""
        while self._flushers:
            await asyncio.wait(self._flushers)

    async def _run(self) -> None:
        try:
            while self._waiting or self._again:
                await self._flush_some()
                if self._again and not self._waiting:
                    await self._pause()
        finally:
            # Before anything else can happen: who hands something in next must find out that nobody is at work.
            self._flushers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _flush_some(self) -> None:
        taken = self._take()
        self._flying += len(taken)
        try:
            await self._flush_these(taken)
        finally:
            self._flying -= len(taken)

    async def _flush_these(self, taken: Sequence[_Item[T, R]]) -> None:
        try:
            results = await self._flush([one.item for one in taken])
        except Exception as error:  # noqa: BLE001 - whatever the flush raised is each caller's to see
            if len(taken) > 1 and not isinstance(error, BideError):
                for one in taken:
                    await self._flush_these([one])
                return
            for one in taken:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, result in zip(taken, results, strict=True):
            if result is None:
                self._again.append(one)
            elif not one.answer.done():
                one.answer.set_result(result)

    async def _pause(self) -> None:
        """Wait for something new to flush, or until it is time to try again what could not be done."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGAIN):
                await self._news.wait()

    def _take(self) -> list[_Item[T, R]]:
        """What is tried again, and a batch of what is new."""
        taken = [one for one in self._again if not one.answer.cancelled()]
        self._again.clear()
        count = total = 0
        share = min(MAX_ITEMS, max(ENOUGH, -(-(len(self._waiting) + self._flying) // self._at_once)))
        while self._waiting and count < share:
            one = self._waiting[0]
            if count and total + one.size > MAX_BYTES:
                break
            self._waiting.popleft()
            if one.answer.cancelled():
                continue
            count += 1
            total += one.size
            taken.append(one)
        return taken
