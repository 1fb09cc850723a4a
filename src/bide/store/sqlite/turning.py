"""A turn of a worker's pump: what has ended is settled and what is due is claimed, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from bide.store.base import Claim, Completed, Demand, Settle, Settled
from bide.store.rows import json
from bide.store.sqlite.claiming import load, look, pick
from bide.store.sqlite.lanes import Lanes, held_permits
from bide.store.sqlite.procedure import TURN, run
from bide.store.sqlite.rows import inline
from bide.store.sqlite.settling import settle, write_beside
from bide.store.sqlite.writer import Tx


def turn(
    tx: Tx, worker: str, settles: Sequence[Settle], demands: Sequence[Demand]
) -> tuple[Sequence[Settled], Sequence[Claim]]:
    alive, limited = look(tx, worker)
    limited = limited or any(demand.queue_limits for demand in demands)
    # First what may be claimed again at once, or makes room for others.
    holding = held_permits(tx, settles) if limited and settles else frozenset[str]()
    plain = [one for one in settles if _simply_completed(one) and one.job not in holding]
    others = settles if not plain else [one for one in settles if not _simply_completed(one) or one.job in holding]
    of_others = settle(tx, others) if others else []
    if holding:
        # Who waits for it may be in a queue, or of a type, that is not asked for here.
        tx.ready = True
    lanes = Lanes(tx, demands) if limited and alive and demands else None
    picked = pick(tx, demands, lanes) if alive else []
    limits = {} if lanes is None else lanes.limits
    if _write(tx, worker, plain, picked, limits):
        of_plain: Sequence[Settled] = [Settled.APPLIED] * len(plain)
    else:
        # One of them may not complete, so each is looked at; what is claimed is not their concern.
        of_plain = settle(tx, plain)
        _write(tx, worker, [], picked, limits)
    if lanes is not None:
        lanes.leave()
    return _in_order(settles, plain, of_plain, of_others), load(tx, picked) if picked else []


def _simply_completed(one: Settle) -> bool:
    return type(one.outcome) is Completed and one.outcome.data is None and one.progress is None


def _write(tx: Tx, worker: str, plain: Sequence[Settle], picked: Sequence[int], limits: Mapping[str, object]) -> bool:
    """Complete these runs and claim these jobs, in one call of SQLite; or nothing of it."""
    if not plain and not picked:
        return True
    rows: list[tuple[str, int, str | None, int]] = []
    for one in plain:
        result = cast("Completed", one.outcome).result
        rows.append((one.job, one.lease, result if inline(result) else None, one.elapsed))
    parameters = {
        "rows": json(rows), "picked": json(picked), "limited": json(limits), "worker": worker, "now": tx.now,
    }  # fmt: skip
    tx.at_work()
    if not run(tx.db, TURN, parameters):
        return False
    write_beside(tx, plain)
    tx.changed = True
    return True


def _in_order(
    settles: Sequence[Settle], plain: Sequence[Settle], of_plain: Sequence[Settled], of_others: Sequence[Settled]
) -> Sequence[Settled]:
    if not of_others:
        return of_plain
    is_plain = set(map(id, plain))
    plainly, others = iter(of_plain), iter(of_others)
    return [next(plainly if id(one) in is_plain else others) for one in settles]
