"""Natural batching: while one flush is in flight, what comes next gathers; never a timer.

An idle batcher flushes the first item at once, so a lone caller pays nothing for the crowd; under load the batches grow
to what one flush lets gather.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_ITEMS = 1_000
MAX_BYTES = 4 * 1024 * 1024

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

    Belongs to the event loop it is first used on. A flush that raises fails every item of its batch; where one bad item
    must not fail the others, `flush` answers that item with a value that says so. An item that it answers with None it
    could not do yet: that one is in the next flush again, before what was handed in later, and holds nothing up.
    """

    def __init__(self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R | None]]]) -> None:
        self._flush = flush
        self._waiting: deque[_Item[T, R]] = deque()
        self._again: list[_Item[T, R]] = []
        self._news = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None

    def put(self, item: T, size: int = 0) -> asyncio.Future[R]:
        """Hand in an item of about `size` bytes; the future ends when its flush has."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append(_Item(item, size, answer))
        self._news.set()
        if self._flusher is None:
            self._flusher = loop.create_task(self._run())
            _flushers.add(self._flusher)
            self._flusher.add_done_callback(_flushers.discard)
        return answer

    async def drain(self) -> None:
        """Wait until everything handed in so far has been flushed."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _run(self) -> None:
        try:
            while self._waiting or self._again:
                taken = self._take()
                try:
                    results = await self._flush([one.item for one in taken])
                except Exception as error:  # noqa: BLE001 - whatever the flush raised is each caller's to see
                    for one in taken:
                        if not one.answer.done():
                            one.answer.set_exception(error)
                    continue
                for one, result in zip(taken, results, strict=True):
                    if result is None:
                        self._again.append(one)
                    elif not one.answer.done():
                        one.answer.set_result(result)
                if self._again and not self._waiting:
                    await self._pause()
        finally:
            self._flusher = None

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
        while self._waiting and count < MAX_ITEMS:
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
