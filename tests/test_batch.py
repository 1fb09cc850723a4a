"""Batches gather by themselves: how much each takes, how many are in flight, and that nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bide.batch import ENOUGH, MAX_BYTES, MAX_ITEMS, Batcher, is_flushing
from bide.errors import StoreUnavailable
from tests.support import holds


class Flushing:
    """A flush that ends when it is let go, and what it was handed."""

    def __init__(self) -> None:
        self.batches: list[Sequence[int]] = []
        self.in_flight: list[asyncio.Future[None]] = []

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        assert is_flushing()
        self.batches.append(items)
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.in_flight.append(gate)
        try:
            await gate
        finally:
            self.in_flight.remove(gate)
        return [-item for item in items]

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]

    def let_go(self) -> None:
        for gate in self.in_flight:
            gate.set_result(None)

    async def begun(self, batches: int) -> None:
        await holds(lambda: len(self.batches) == batches)

    async def until(self, in_flight: int) -> None:
        await holds(lambda: len(self.in_flight) == in_flight)


@pytest.mark.parametrize("at_once", [1, 2])
async def test_one_goes_at_once_and_what_comes_meanwhile_gathers(at_once: int) -> None:
    flush = Flushing()
    batcher = Batcher(flush, at_once=at_once)
    first = batcher.put(1)
    await flush.until(1)
    others = [batcher.put(n) for n in range(2, 12)]
    await asyncio.sleep(0)
    assert flush.sizes == [1]
    flush.let_go()
    assert await first == -1
    await holds(lambda: flush.sizes == [1, 10])
    flush.let_go()
    assert await asyncio.gather(*others) == [-n for n in range(2, 12)]
    assert not is_flushing()


async def test_a_crowd_is_shared_out_among_those_in_flight() -> None:
    flush = Flushing()
    batcher = Batcher(flush, at_once=2)
    crowd = [batcher.put(n) for n in range(100)]
    await flush.until(2)
    assert flush.sizes == [50, 50]
    flush.in_flight[0].set_result(None)
    assert await asyncio.gather(*crowd[:50]) == [-n for n in range(50)]
    # Those come again while the others are still on their way: they need not wait.
    again = [batcher.put(n) for n in range(50)]
    await flush.until(2)
    assert flush.sizes == [50, 50, 50]
    flush.let_go()
    assert len(await asyncio.gather(*crowd, *again)) == 150


async def test_a_lopsided_crowd_evens_out() -> None:
    flush = Flushing()
    batcher = Batcher(flush, at_once=2)
    first = batcher.put(0)
    await flush.until(1)
    crowd = [batcher.put(n) for n in range(1, 100)]
    await flush.until(2)
    assert flush.sizes == [1, 50]
    flush.in_flight[0].set_result(None)
    await holds(lambda: flush.sizes == [1, 50, 49])
    flush.let_go()
    await asyncio.gather(first, *crowd)


async def test_who_comes_again_as_soon_as_it_is_answered_is_not_forgotten() -> None:
    async def flush(items: Sequence[int]) -> Sequence[int]:
        return items

    batcher = Batcher(flush, at_once=2)
    told: list[int] = []

    def come_again(answer: asyncio.Future[int]) -> None:
        told.append(answer.result())
        if len(told) < 1_000:
            batcher.put(len(told)).add_done_callback(come_again)

    batcher.put(0).add_done_callback(come_again)
    await holds(lambda: len(told) == 1_000)
    assert told == list(range(1_000))


@pytest.mark.parametrize("at_once", [1, 2])
async def test_drained_all_are_answered(at_once: int) -> None:
    async def flush(items: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return items

    batcher = Batcher(flush, at_once=at_once)
    answers = [batcher.put(n) for n in range(5 * ENOUGH)]
    await batcher.drain()
    assert [answer.result() for answer in answers] == list(range(5 * ENOUGH))


async def test_a_batch_is_bounded_in_items_and_bytes() -> None:
    flush = Flushing()
    batcher = Batcher(flush)
    sizes = [0] * (MAX_ITEMS + 1) + [MAX_BYTES // 2] * 3
    answers = [batcher.put(n, size) for n, size in enumerate(sizes)]
    for batches in range(1, 4):
        await flush.begun(batches)
        flush.let_go()
    assert flush.sizes == [MAX_ITEMS, 3, 1]
    await asyncio.gather(*answers)


@pytest.mark.parametrize("at_once", [1, 2])
async def test_what_could_not_be_done_yet_is_tried_again_first_and_holds_nothing_up(at_once: int) -> None:
    seen: list[Sequence[int]] = []

    async def flush(items: Sequence[int]) -> Sequence[int | None]:
        seen.append(items)
        return [None if item == 7 and len(seen) < 3 else item for item in items]

    batcher = Batcher(flush, at_once=at_once)
    stubborn = batcher.put(7)
    await holds(lambda: len(seen) == 1)
    assert await batcher.put(8) == 8
    assert await stubborn == 7
    assert seen[:2] == [[7], [7, 8]]


async def test_a_flush_that_raises_fails_its_own_alone() -> None:
    async def flush(items: Sequence[int]) -> Sequence[int]:
        if 0 in items:
            raise StoreUnavailable("no")
        return items

    batcher = Batcher(flush, at_once=2)
    crowd = [batcher.put(n) for n in range(100)]
    results = await asyncio.gather(*crowd, return_exceptions=True)
    assert [str(result) for result in results[:50]] == ["no"] * 50
    assert results[50:] == list(range(50, 100))
    assert await batcher.put(1) == 1


async def test_one_that_cannot_be_done_fails_alone() -> None:
    done: list[int] = []

    async def flush(items: Sequence[int]) -> Sequence[int]:
        if 13 in items:
            raise ValueError("unlucky")
        done.extend(items)
        return items

    batcher = Batcher(flush)
    answers = await asyncio.gather(*(batcher.put(n) for n in range(20)), return_exceptions=True)
    assert [answer for answer in answers if answer != 13 and not isinstance(answer, ValueError)] == [
        n for n in range(20) if n != 13
    ]
    assert isinstance(answers[13], ValueError)
    assert sorted(done) == [n for n in range(20) if n != 13], "each once"


async def test_what_the_database_cannot_do_now_fails_all() -> None:
    flushes: list[Sequence[int]] = []

    async def flush(items: Sequence[int]) -> Sequence[int]:
        flushes.append(items)
        raise StoreUnavailable("It is away.")

    batcher = Batcher(flush)
    answers = await asyncio.gather(*(batcher.put(n) for n in range(20)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert sum(map(len, flushes)) == 20, "nobody is asked again for each of them"
