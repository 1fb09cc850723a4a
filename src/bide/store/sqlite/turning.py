"""A turn of a worker's pump: what has ended is settled and what is due is claimed, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from bide.store.base import Claim, Completed, Demand, Settle, Settled
from bide.store.rows import json
from bide.store.sqlite.claiming import load, pick
from bide.store.sqlite.procedure import TURN, run
from bide.store.sqlite.rows import inline
from bide.store.sqlite.settling import settle, write_beside
from bide.store.sqlite.writer import Tx


def turn(
    tx: Tx, worker: str, settles: Sequence[Settle], demands: Sequence[Demand]
) -> tuple[Sequence[Settled], Sequence[Claim]]:
    plain = [one for one in settles if _simply_completed(one)]
    others = settles if not plain else [one for one in settles if not _simply_completed(one)]
    # First what may be claimed again at once.
    of_others = settle(tx, others) if others else []
    picked = pick(tx, worker, demands)
    if _write(tx, worker, plain, picked):
        of_plain: Sequence[Settled] = [Settled.APPLIED] * len(plain)
    else:
        # One of them may not complete, so each is looked at; what is claimed is not their concern.
        of_plain = settle(tx, plain)
        _write(tx, worker, [], picked)
    return _in_order(settles, of_plain, of_others), load(tx, picked) if picked else []


def _simply_completed(one: Settle) -> bool:
    return type(one.outcome) is Completed and one.outcome.data is None and one.progress is None


def _write(tx: Tx, worker: str, plain: Sequence[Settle], picked: Sequence[int]) -> bool:
    """Complete these runs and claim these jobs, in one call of SQLite; or nothing of it."""
    if not plain and not picked:
        return True
    rows: list[tuple[str, int, str | None, int]] = []
    for one in plain:
        result = cast("Completed", one.outcome).result
        rows.append((one.job, one.lease, result if inline(result) else None, one.elapsed))
    parameters = {"rows": json(rows), "picked": json(picked), "worker": worker, "now": tx.now}
    tx.at_work()
    if not run(tx.db, TURN, parameters):
        return False
    write_beside(tx, plain)
    tx.changed = True
    return True


def _in_order(
    settles: Sequence[Settle], of_plain: Sequence[Settled], of_others: Sequence[Settled]
) -> Sequence[Settled]:
    if not of_others:
        return of_plain
    plain, others = iter(of_plain), iter(of_others)
    return [next(plain if _simply_completed(one) else others) for one in settles]
