"""How many jobs of each lane may be taken now: limits are checked here, where jobs are claimed, and nowhere else.

Whoever claims has the write lock: what is counted here stays so until the claim is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from bide.store.base import Demand, LaneLimit, Settle, queue_lane
from bide.store.rows import json, told
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_HOLDING = statement("holding")
_STIRRED = statement("stirred_lanes")
_OPEN = statement("open_lanes")
_ROOM = statement("room")
_FORGET = statement("forget_permits_of")
_PERMIT = statement("permit")
_CLOSE = statement("close_lanes")
_OPEN_LANE = statement("open_lane")
_OPEN_QUEUE = statement("open_queue")

LOOKED_AT = 100
"""How many lanes of one kind a claim looks at: of thousands it begins with those whose first jobs come first."""


def held_permits(tx: Tx, settles: Sequence[Settle]) -> frozenset[str]:
    """Of these runs, the jobs that run with a permit."""
    rows = tx.db.execute(_HOLDING, {"ids": json([one.job for one in settles])}).fetchall()
    return frozenset(job for (job,) in rows)


class Lanes:
    """The lanes that one transaction claims from, and what it has taken there."""

    def __init__(self, tx: Tx, demands: Sequence[Demand]) -> None:
        self._tx = tx
        self._queues = list(dict.fromkeys(queue for demand in demands for queue in demand.queues))
        self._queue_limits = {queue: limit for demand in demands for queue, limit in demand.queue_limits.items()}
        self._type_limits = {kind: limit for demand in demands for kind, limit in demand.type_limits.items()}
        self._left: dict[str, int] = {}
        self._permits: list[tuple[int, str, int]] = []
        self.limits: dict[str, dict[str, object]] = {}
        """By rowid, as text: the limits under which a job was taken."""
        for queue in self._queues:
            lane = queue_lane(queue)
            self._left[lane] = self._room(lane, self._queue_limits.get(queue))[0]
        stirred = tx.db.execute(_STIRRED, {"most": LOOKED_AT}).fetchall()
        types = json(dict.fromkeys(kind for demand in demands for kind in demand.types))
        found: list[tuple[str, str]] = []
        for queue in self._queues:
            if self._left[queue_lane(queue)]:
                parameters = {"queue": queue, "types": types, "now": tx.now, "most": LOOKED_AT}
                found += tx.db.execute(_OPEN, parameters).fetchall()
        self._types: dict[str, str | None] = dict([*found, *stirred])
        self._is_cut = max(len(stirred), len(found)) >= LOOKED_AT
        for lane, kind in self._types.items():
            self._left[lane] = self._room(lane, self._type_limits.get(kind or ""))[0]

    def sources(self, demand: Demand) -> list[tuple[str, str, int]]:
        """Where jobs of a demand may be taken: queue, lane, and how many at most."""
        lanes = ["", *(lane for lane, kind in self._types.items() if kind in demand.types)]
        return [
            (queue, lane, most)
            for queue in dict.fromkeys(demand.queues)
            for lane in lanes
            if (most := min(demand.limit, self._left[queue_lane(queue)], self._left.get(lane, demand.limit))) > 0
        ]

    def admit(self, place: int, queue: str, lane: str) -> bool:
        """Take a permit of its queue and of its lane for the job with this rowid, if there is one of each."""
        lanes = (queue_lane(queue), lane) if lane else (queue_lane(queue),)
        if any(self._left[one] <= 0 for one in lanes):
            return False
        about: dict[str, object] = {}
        if (limit := self._queue_limits.get(queue)) is not None:
            self._permits.append((place, lanes[0], limit.period))
            about["queue"] = told(limit)
        if lane:
            limit = self._type_limits.get(self._types[lane] or "")
            # Without a limit that is known here it counts all the same, for those who know one.
            self._permits.append((place, lane, 0 if limit is None else limit.period))
            if limit is not None:
                about["lane"] = told(limit)
        for one in lanes:
            self._left[one] -= 1
        if about:
            self.limits[str(place)] = about
        return True

    def leave(self) -> None:
        """Write the permits, once the jobs are claimed, and say where the next claim has to look."""
        db, now = self._tx.db, self._tx.now
        if self._permits:
            db.execute(_PERMIT, {"permits": json(self._permits), "now": now})
        for queue, limit in self._queue_limits.items():
            _, opens_at = self._room(lane := queue_lane(queue), limit)
            if opens_at:
                db.execute(_OPEN_QUEUE, {"lane": lane, "queue": queue, "opens_at": opens_at})
        if not self._types:
            return
        db.execute(_CLOSE, {"lanes": json(list(self._types))})
        still_open = 0
        for lane, kind in self._types.items():
            _, opens_at = self._room(lane, self._type_limits.get(kind or ""))
            if opens_at is not None:
                still_open += db.execute(_OPEN_LANE, {"lane": lane, "opens_at": opens_at}).rowcount > 0
        if self._is_cut and still_open < len(self._types):
            # There are more, and room to look at them.
            self._tx.ready = True

    def _room(self, lane: str, limit: LaneLimit | None) -> tuple[int, int | None]:
        """How many may be taken, and when the next may: 0, now; None, once a run has ended."""
        if limit is None:
            return UNLIMITED, 0
        db, now = self._tx.db, self._tx.now
        db.execute(_FORGET, {"lane": lane, "now": now})
        rate = limit.rate or 1
        counted = {"lane": lane, "period": limit.period, "now": now, "others": rate - 1}
        running, started, falls_free_at = db.execute(_ROOM, counted).fetchone()
        left = UNLIMITED if limit.concurrency is None else limit.concurrency - running
        if left <= 0:
            return 0, None
        if limit.rate is not None:
            left = min(left, limit.rate - started)
        return (left, 0) if left > 0 else (0, int(falls_free_at))


UNLIMITED = 2**31 - 1
