"""A worker's heartbeat, from a thread of its own: an event loop that is blocked is stuck, not dead."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from bide.clock import alive_for
from bide.errors import BideError
from bide.store.base import BEATS_A_LEASE, Beat, Store

log = logging.getLogger("bide.lease")

TRIES_A_LEASE = 15
"""How often in a lease a beat is tried where it fails: others may not wait for long once the database is back."""


class Heartbeat:
    """Advances the worker's counter in the store three times a lease, and hands over what the store holds for it.

    `told` is called on the worker's loop with each beat and the number that `flushes()` gave before it was asked for,
    so that the worker can tell a claim that the beat could not know yet from one that it should have known.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        lease: float,
        *,
        flushes: Callable[[], int],
        told: Callable[[Beat, int], None],
    ) -> None:
        self._store = store
        self._worker = worker
        self._lease = lease
        self._flushes = flushes
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._untold: float | None = None
        """Since when the loop has not come to what it is to be told."""
        self.valid_until = alive_for() + lease
        self._thread = threading.Thread(target=self._run, name="bide-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; returns when no beat can follow."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            wait = self._lease / BEATS_A_LEASE
            while not self._stop.wait(wait):
                wait = self._lease / TRIES_A_LEASE
                asked, flushes = alive_for(), self._flushes()
                try:
                    beat = runner.run(self._store.beat(self._worker))
                except BideError as error:
                    log.warning("heartbeat failed, trying again: %s", error)
                    continue
                except Exception:  # a worker whose heart stops is taken for dead
                    log.exception("heartbeat failed, trying again")
                    continue
                if beat.alive:
                    # Counted from before the question was sent: others count from when it was written.
                    self.valid_until = asked + self._lease
                wait = self._lease / BEATS_A_LEASE
                self._watch_loop()
                self._hand_over(beat, flushes)

    def _hand_over(self, beat: Beat, flushes: int) -> None:
        def tell() -> None:
            self._untold = None
            self._told(beat, flushes)

        if self._untold is None:
            self._untold = alive_for()
        try:
            self._loop.call_soon_threadsafe(tell)
        except RuntimeError:
            # The loop is closed: the worker died without its shutdown. Its jobs are rescued once this thread is quiet.
            self._stop.set()

    def _watch_loop(self) -> None:
        since = self._untold
        if since is not None and (still := alive_for() - since) > self._lease * 2 / BEATS_A_LEASE:
            log.warning(
                "the event loop has been blocked for %.0f s: a job calls blocking code outside a thread. "
                "Make it a `def` step or job.",
                still,
            )
