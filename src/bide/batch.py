"""Natural batching: while one flush is in flight, what comes next gathers; never a timer.

An idle batcher flushes the first item at once, so a lone caller pays nothing for the crowd; under load the batches grow
to what one flush lets gather.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_ITEMS = 1_000
MAX_BYTES = 4 * 1024 * 1024


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


class Batcher(Generic[T, R]):
    """Gathers the items of concurrent callers for `flush`, which answers each item in order.

    Belongs to the event loop it is first used on. A flush that raises fails every item of its batch; where one bad item
    must not fail the others, `flush` answers that item with a value that says so.
    """

    def __init__(self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._flush = flush
        self._waiting: deque[tuple[T, int, asyncio.Future[R]]] = deque()
        self._flusher: asyncio.Task[None] | None = None

    def put(self, item: T, size: int = 0) -> asyncio.Future[R]:
        """Hand in an item of about `size` bytes; the future ends when its flush has."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, size, answer))
        if self._flusher is None:
            self._flusher = loop.create_task(self._run())
        return answer

    async def drain(self) -> None:
        """Wait until everything handed in so far has been flushed."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _run(self) -> None:
        try:
            while self._waiting:
                items, answers = self._take()
                try:
                    results = await self._flush(items)
                except Exception as error:  # noqa: BLE001 - whatever the flush raised is each caller's to see
                    for answer in answers:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for answer, result in zip(answers, results, strict=True):
                    if not answer.done():
                        answer.set_result(result)
        finally:
            self._flusher = None

    def _take(self) -> tuple[list[T], list[asyncio.Future[R]]]:
        items: list[T] = []
        answers: list[asyncio.Future[R]] = []
        total = 0
        while self._waiting and len(items) < MAX_ITEMS:
            item, size, answer = self._waiting[0]
            if items and total + size > MAX_BYTES:
                break
            self._waiting.popleft()
            if answer.cancelled():
                continue
            total += size
            items.append(item)
            answers.append(answer)
        return items, answers
