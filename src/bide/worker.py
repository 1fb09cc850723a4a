"""The worker: claims what is due, executes it, settles how it ended, all in one pump.

The pump is the natural batching of the hot path: while one transaction is in flight, runs end and gather; the next
transaction settles all of them and claims as many new jobs as there are free slots.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any, TypeVar

import uuid_utils.compat

from bide.batch import AGAIN, MAX_BYTES, MAX_ITEMS, Batcher
from bide.codec import encode, escape
from bide.context import void
from bide.errors import BideError
from bide.events import EventKind
from bide.execute import MESSAGE_LIMIT, execute
from bide.job_type import Registry
from bide.lease import Heartbeat
from bide.run import DELIVERIES, Ending, Run
from bide.store.base import (
    BEATS_A_LEASE,
    Beat,
    Claim,
    Completed,
    Demand,
    Fact,
    Failed,
    Hint,
    LaneLimit,
    Settle,
    Settled,
    Store,
    WorkerRow,
)
from bide.upkeep import Upkeep

T = TypeVar("T")

log = logging.getLogger("bide.worker")

BACKOFF = (0.05, 5.0)
"""Seconds before the store is tried again after it failed: the first wait, doubled up to the second."""

AT_ONCE = 0.2
"""Seconds that what runs has to end, once the worker was told a second time to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker works. Times are seconds.

    slots: `async` jobs at once. threads: `def` jobs at once, and apart from them `def` steps. lease: a worker that
    stood still for so long is taken for dead. poll: the longest a due job waits where no wake-up came. drain: how long
    running jobs may go on once the worker is told to stop. cancel_grace: between two deliveries of a cancel. age_limit:
    a job ready for so long goes before every priority. retention: finished jobs are deleted after it; None keeps them.
    limits: of those of its queues that have one.
    """

    queues: tuple[str, ...] = ("default",)
    slots: int = 200
    threads: int = 32
    lease: float = 30.0
    poll: float = 1.0
    drain: float = 30.0
    cancel_grace: float = 5.0
    age_limit: float = 600.0
    retention: float | None = None
    limits: Mapping[str, LaneLimit] = field(default_factory=dict[str, LaneLimit])


class Worker:
    """Executes the jobs of one registry from one store. `run` until `stop`."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        options: WorkerOptions,
        open_deps: Callable[[], AbstractAsyncContextManager[Any]] | None,
    ) -> None:
        self.store = store
        self.deps: Any = None
        self.cancel_grace = options.cancel_grace
        self.step_threads = asyncio.Semaphore(options.threads)
        self.facts: Batcher[Fact, bool] = Batcher(lambda facts: self.patiently(lambda: store.note(facts)))
        self.upkeep = Upkeep(
            store,
            grace=options.cancel_grace * (DELIVERIES + 1),
            age_limit=options.age_limit,
            retention=options.retention,
        )
        self._registry = registry
        self._options = options
        self._open_deps = open_deps
        self._id = ""
        self._runs: dict[str, Run] = {}
        self._in_threads = 0
        self._claimed: deque[Claim] = deque()
        self._settles: deque[Settle] = deque()
        self._held: dict[tuple[str, int], Settle] = {}
        self._awake = asyncio.Event()
        self._more = True
        self._draining = False
        self._flushes = 0
        self._born: dict[str, int] = {}
        self._asked = self._answered = 0
        self._strangers: dict[tuple[str, int], int] = {}
        self._given_up: dict[str, int] = {}
        self._heartbeat: Heartbeat | None = None
        self._cancel_asked = False
        self._cancel_look: asyncio.Task[None] | None = None
        self._reborn: asyncio.Task[None] | None = None
        self._forced: asyncio.TimerHandle | None = None
        self._releasing = False
        self._cut = False
        self._pumping: asyncio.Task[None] | None = None
        self._settling: frozenset[str] = frozenset()
        self._ready = asyncio.Event()
        self._over = asyncio.Event()

    # ── What a run asks of its host ──────────────────────────────────────────────────────────────────────────────────

    @property
    def lease_valid_until(self) -> float:
        return self._heartbeat.valid_until if self._heartbeat is not None else float("inf")

    @property
    def stopping(self) -> bool:
        return self._draining

    async def patiently(self, verb: Callable[[], Awaitable[T]]) -> T:
        """Call a store's verb until the database does it, waiting a little longer each time."""
        wait, longest = BACKOFF
        while True:
            try:
                return await verb()
            except BideError as error:
                if not error.retryable:
                    raise
                log.warning("the database does not answer, trying again: %s", error)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(longest, wait * 2)

    # ── Life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def id(self) -> str:
        """The id under which the store knows this worker now; a worker taken for dead begins anew under another."""
        return self._id

    @property
    def running(self) -> int:
        """How many jobs it executes."""
        return len(self._runs)

    async def ready(self) -> None:
        """Wait until it is registered and claims."""
        await self._ready.wait()

    async def ended(self) -> None:
        """Wait until it works no more: it was stopped, or has failed."""
        await self._over.wait()

    def stop(self) -> None:
        """Drain: no new claims, running jobs go on until the drain's end and are then released unspent. Again: now."""
        loop = asyncio.get_running_loop()
        if self._draining:
            self._release_all(grace=AT_ONCE)
        else:
            self._draining = True
            log.info("draining: %d job(s) running", len(self._runs))
            if self._forced is None:
                self._forced = loop.call_later(self._options.drain, self._release_all)
        self._awake.set()

    async def run(self) -> None:
        """Work until `stop`. Raises what opening the dependencies raises; a failing database is waited for."""
        try:
            async with self._open_deps() if self._open_deps else _nothing() as deps:
                self.deps = deps
                await self.patiently(self._begin)
                unsubscribe = self.store.subscribe(self._hint)
                upkeep = asyncio.create_task(self._keep_up())
                self._pumping = asyncio.create_task(self._pump())
                try:
                    self._ready.set()
                    await self._pumping
                except asyncio.CancelledError:
                    if not self._cut:
                        raise
                    log.warning("the database does not take what has ended; it is taken over by others")
                finally:
                    self._pumping.cancel()
                    unsubscribe()
                    upkeep.cancel()
                    await self._end(upkeep)
        except Exception:
            # Whoever awaits `run` may do so only at the end of the program: it must not fail in silence until then.
            log.exception("the worker has stopped; its jobs are taken over by others")
            raise
        finally:
            self._over.set()

    async def _begin(self) -> None:
        self._id = self.upkeep.host = str(uuid_utils.compat.uuid7())
        options = self._options
        await self.store.register(
            WorkerRow(
                id=self._id,
                host=socket.gethostname(),
                pid=os.getpid(),
                queues=options.queues,
                slots=options.slots + options.threads,
                lease=round(options.lease * 1_000_000),
            )
        )
        self._heartbeat = Heartbeat(self.store, self._id, options.lease, flushes=lambda: self._flushes, told=self._told)

    async def _end(self, upkeep: asyncio.Task[None]) -> None:
        """Leave in order. Where the pump was cut off, what still runs is given back by `retire`."""
        if self._forced is not None:
            self._forced.cancel()
        # What has not begun does not begin any more, though a transaction in flight may still ask for it.
        self._claimed.clear()
        ended = (*self._settles, *self._held.values())
        executed = self._given_up | {settle.job: settle.elapsed for settle in ended}
        for run in tuple(self._runs.values()):
            root = run.root
            executed[run.claim.id] = run.elapsed
            run.close()
            if root is not None:
                root.cancel()
        tasks = [task for task in (upkeep, self._cancel_look, self._reborn) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._heartbeat is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._heartbeat.stop)
        try:
            await self.store.retire(self._id, executed)
        except BideError as error:
            log.warning("could not sign off; the jobs still running here are rescued after the lease: %s", error)

    # ── The pump ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _pump(self) -> None:
        while True:
            settles = self._take_settles()
            demands = self._demands() if settles or self._more else ()
            if not settles and not demands:
                if self._claimed:
                    self._start_claimed()
                    continue
                if self._draining and not self._runs:
                    await self.facts.drain()
                    if not self._settles and not self._held:
                        return
                self._awake.clear()
                if not self._settles and not (self._more and self._demands()):
                    await self._awake.wait()
                continue
            self._more = False
            self._asked += 1
            self._settling = frozenset(settle.job for settle in settles)
            name = self._id
            try:
                settled, claimed = await self._write(settles, demands)
            except Exception:
                # One end or one job that cannot be written or read must not stop the others.
                log.exception("what has ended and what is due is now written one by one")
                settled, claimed = await self._write_singly(settles, demands)
            self._start_claimed()
            if name == self._id and not self._fallen:
                self._claimed.extend(claimed)
            self._answered = self._asked
            self._settling = frozenset()
            self._more = self._more or not demands or self._is_filled(demands, claimed)
            for settle, result in zip(settles, settled, strict=True):
                if result is Settled.HELD:
                    self._settle_later(settle)
                elif result is not Settled.APPLIED:
                    log.info("job %s: its outcome was not written: %s", settle.job, result.name.lower())

    async def _write(
        self, settles: Sequence[Settle], demands: Sequence[Demand]
    ) -> tuple[Sequence[Settled], Sequence[Claim]]:
        # What was claimed last is begun while the database is at work: so neither waits for the other.
        begin = self._start_claimed
        return await self.patiently(partial(self.store.settle_and_claim, self._id, settles, demands, meanwhile=begin))

    async def _write_singly(
        self, settles: Sequence[Settle], demands: Sequence[Demand]
    ) -> tuple[Sequence[Settled], Sequence[Claim]]:
        # Where not even nothing can be written, or a beat, it is none of these, but the store: then the worker fails.
        await self._write((), ())
        await self.patiently(lambda: self.store.beat(self._id))
        settled = [await self._settle_alone(settle) for settle in settles]
        claimed: list[Claim] = []
        for demand in demands:
            left = demand.limit
            queues: list[tuple[str, ...]] = [(queue,) for queue in demand.queues] or [()]
            for queue, (name, version) in product(queues, demand.types.items()):
                if left:
                    one = await self._claim_alone(replace(demand, queues=queue, types={name: version}, limit=1))
                    left -= len(one)
                    claimed += one
        return settled, claimed

    async def _settle_alone(self, settle: Settle) -> Settled:
        try:
            (settled,), _ = await self._write([settle], ())
        except Exception as error:
            log.exception("how job %s ended cannot be written: it fails instead", settle.job)
            message = escape(f"how the job ended could not be written: {error}", MESSAGE_LIMIT)
            failed = Failed(encode({"type": type(error).__name__, "message": message}))
            try:
                (settled,), _ = await self._write([settle._replace(outcome=failed, progress=None)], ())
            except Exception:
                log.exception("nor that job %s failed: it is given back", settle.job)
                self._given_up[settle.job] = settle.elapsed
                return Settled.LOST
        return settled

    async def _claim_alone(self, demand: Demand) -> Sequence[Claim]:
        try:
            _, claimed = await self._write((), (demand,))
        except Exception:
            log.exception("the next job of %s cannot be claimed", ", ".join((*demand.types, *demand.queues)))
            return ()
        return claimed

    def _is_filled(self, demands: Sequence[Demand], claimed: Sequence[Claim]) -> bool:
        """Whether one of the demands got as much as it could, so that there may be more."""
        for demand in demands:
            inputs = [len(claim.input) for claim in claimed if claim.type in demand.types]
            if len(inputs) >= demand.limit or sum(inputs) >= MAX_BYTES:
                return True
        return False

    def _take_settles(self) -> list[Settle]:
        taken: list[Settle] = []
        size = 0
        while self._settles and len(taken) < MAX_ITEMS and size < MAX_BYTES:
            settle = self._settles.popleft()
            if isinstance(settle.outcome, Completed):
                size += len(settle.outcome.result)
            taken.append(settle)
        return taken

    def _settle_later(self, settle: Settle) -> None:
        """Somebody else's transaction holds its row: it is waited for apart from the pump, and holds nobody up."""

        def again() -> None:
            self._settles.append(self._held.pop((settle.job, settle.lease)))
            self._awake.set()

        self._held[settle.job, settle.lease] = settle
        asyncio.get_running_loop().call_later(AGAIN, again)

    def _demands(self) -> tuple[Demand, ...]:
        """What there is room for, beside what runs and what was claimed and is about to."""
        if self._draining:
            return ()
        claimed = self._claimed
        demands: list[Demand] = []
        for_threads = sum(not self._registry.get(claim.type).definition.is_async for claim in claimed)
        free = self._options.slots - (len(self._runs) - self._in_threads) - (len(claimed) - for_threads)
        threads = self._options.threads - self._in_threads - for_threads
        if free > 0 and (types := self._registry.versions(is_async=True)):
            # At most half of the slots at a time: while one half is being settled, the other runs.
            half = max(1, self._options.slots // 2)
            demands.append(self._demand(types, min(free, half, MAX_ITEMS)))
        if threads > 0 and (types := self._registry.versions(is_async=False)):
            demands.append(self._demand(types, threads))
        return tuple(demands)

    def _demand(self, types: Mapping[str, int], limit: int) -> Demand:
        return Demand(self._options.queues, types, limit, self._options.limits, self._registry.limits())

    def _start_claimed(self) -> None:
        while self._claimed:
            # It stays until it is started: where this is called by the loop and fails, the pump comes upon it again.
            self._start(self._claimed[0])
            self._claimed.popleft()
        # A beat that is asked for from here on must know these claims.
        self._flushes += 1

    def _start(self, claim: Claim) -> None:
        definition = self._registry.get(claim.type).definition
        run = execute(claim, definition, self, asyncio.get_running_loop(), self._ended)
        # An earlier run of the job that lost its lease here and hears nothing: its thread counts no more.
        if before := self._runs.get(claim.id):
            self._in_threads -= before.threaded
        self._runs[claim.id] = run
        self._born[claim.id] = self._flushes
        self._in_threads += run.threaded
        if self._releasing:
            # Claimed by a transaction that was in flight when the drain ended.
            run.finish(Ending.RELEASE)

    def _ended(self, run: Run, settle: Settle | None) -> None:
        job = run.claim.id
        if self._runs.get(job) is run:
            del self._runs[job]
            del self._born[job]
            self._in_threads -= run.threaded
        if settle is not None:
            self._settles.append(settle)
        else:
            # It lost its lease, or so it seemed: where nobody else has taken the job, it is given back, and that ran.
            self._given_up[job] = run.elapsed
        self._awake.set()

    # ── What it is told ──────────────────────────────────────────────────────────────────────────────────────────────

    def _hint(self, hint: Hint) -> None:
        match hint:
            case Hint.READY:
                self._more = True
                self._awake.set()
            case Hint.CANCEL if self._runs or self._claimed:
                self._cancel_asked = True
                if self._cancel_look is None or self._cancel_look.done():
                    self._cancel_look = asyncio.create_task(self._look_for_cancels())
            case _:
                pass

    async def _look_for_cancels(self) -> None:
        # Asked again meanwhile: the look in flight may have come too early to see that one.
        while self._cancel_asked:
            self._cancel_asked = False
            try:
                self._cancel(await self.store.cancels(self._id))
            except BideError as error:
                log.warning("could not look for cancels; the next heartbeat tells: %s", error)

    def _cancel(self, jobs: Collection[str]) -> None:
        if any(claim.id in jobs for claim in self._claimed):
            self._start_claimed()
        for job in jobs:
            run = self._runs.get(job)
            if run is not None and run.ending is None:
                void(run.note(Fact(job, run.claim.lease, EventKind.CANCEL_DELIVERED, "{}")))
                run.finish(Ending.CANCEL)

    def _told(self, beat: Beat, flushes: int) -> None:
        """Compare what the database holds for this worker with what it executes."""
        if not beat.alive:
            self._fall()
            return
        self._cancel(beat.cancels)
        for job, run in tuple(self._runs.items()):
            if self._born[job] < flushes and beat.running.get(job) != run.claim.lease:
                log.warning("job %s was taken from this worker", job)
                run.finish(Ending.LEASE_LOST)
        known = self._settling.union(settle.job for settle in (*self._settles, *self._held.values()))
        known = known.union(self._runs, (claim.id for claim in self._claimed))
        # Whatever claimed a stranger was asked for before it was first seen: once all of that is answered, and none of
        # it brought the job, none will. Beats alone prove nothing: they queue behind the answer in a blocked loop.
        before = self._strangers
        self._strangers = {
            claim: before.get(claim, self._asked) for claim in beat.running.items() if claim[0] not in known
        }
        orphans = dict(claim for claim, asked in self._strangers.items() if claim in before and asked <= self._answered)
        executed = self._given_up
        self._given_up = {job: executed[job] for job, _ in self._strangers if job in executed}
        if orphans:
            log.warning("giving back %d job(s) that run here in name only", len(orphans))
            self._release(orphans, executed)

    def _release(self, orphans: dict[str, int], executed: dict[str, int]) -> None:
        task = asyncio.create_task(self.patiently(lambda: self.store.release(orphans, executed)))
        task.add_done_callback(_log_failure)

    @property
    def _fallen(self) -> bool:
        """Whether it was taken for dead, and has not begun anew so far."""
        return self._reborn is not None and not self._reborn.done()

    def _fall(self) -> None:
        """Others took this worker for dead: nothing it runs counts any more. It begins anew under another name."""
        if not self._fallen:
            self._claimed.clear()
            log.error("this worker was taken for dead; its %d job(s) run elsewhere. Beginning anew.", len(self._runs))
            for run in tuple(self._runs.values()):
                run.finish(Ending.LEASE_LOST)
            self._reborn = asyncio.create_task(self._begin_anew())

    async def _begin_anew(self) -> None:
        old = self._heartbeat
        if old is not None:
            await asyncio.get_running_loop().run_in_executor(None, old.stop)
        await self.patiently(self._begin)
        self._more = True
        self._awake.set()

    def _release_all(self, *, grace: float | None = None) -> None:
        """The drain is over, or a second signal came: give back what runs. A third time, wait for none of it."""
        if self._forced is not None:
            self._forced.cancel()
        loop = asyncio.get_running_loop()
        wait = self._options.cancel_grace if grace is None else grace
        if self._releasing and not self._runs and self._pumping is not None:
            # Nothing runs any more, and still it cannot end: the database does not answer.
            self._cut = self._pumping.cancel()
            return
        self._releasing = True
        for run in tuple(self._runs.values()):
            if run.ending is Ending.RELEASE:
                run.abandon()
            else:
                run.finish(Ending.RELEASE)
        self._forced = loop.call_later(wait, self._release_all)

    # ── Upkeep ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _keep_up(self) -> None:
        thorough_every = max(1, round(self._options.lease / BEATS_A_LEASE / self._options.poll))
        sweeps = 0
        while True:
            # Others are looked at no less often than they show that they live.
            wait = min(self._options.poll, self._options.lease / BEATS_A_LEASE)
            try:
                await self.upkeep.sweep(thorough=sweeps % thorough_every == 0)
                due = await self.upkeep.next_due()
                if due is not None:
                    wait = min(wait, due)
            except BideError as error:
                log.warning("upkeep failed, trying again: %s", error)
            except Exception:  # without its upkeep a worker would wake nothing and rescue nobody, in silence
                log.exception("upkeep failed, trying again")
            sweeps += 1
            # The floor under every wake-up: what no hint told of is found here.
            self._more = True
            self._awake.set()
            await asyncio.sleep(max(wait, 0.001))


@asynccontextmanager
async def _nothing() -> AsyncGenerator[None]:
    yield None


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s: %s", type(error).__name__, error)
