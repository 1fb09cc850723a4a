"""Which jobs a worker takes next, and what it is given with them."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

import orjson

from bide.store.base import Claim, Demand, PromptRow, Recall, StepRow
from bide.store.sqlite.rows import LAZY, data, json, prompt_row, step_row
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_ALIVE = statement("worker_alive")
_PICK = statement("pick")
_CLAIM = statement("claim")
_CLAIMED = statement("claimed")
_LOAD = statement("load")
_STEPS = statement("recall_steps")
_PROMPTS = statement("recall_prompts")


def claim(tx: Tx, worker: str, demands: Sequence[Demand]) -> list[Claim]:
    if not demands or tx.db.execute(_ALIVE, {"worker": worker}).fetchone() is None:
        return []
    claimed: list[str] = []
    for demand in demands:
        if picked := _pick(tx, demand):
            tx.db.execute(_CLAIM, {"ids": json(picked), "worker": worker, "now": tx.now})
            claimed += picked
    if not claimed:
        return []
    ids = json(claimed)
    tx.db.execute(_CLAIMED, {"ids": ids, "now": tx.now, "data": data(worker=worker)})
    tx.changed = True
    return _load(tx, ids)


def _pick(tx: Tx, demand: Demand) -> list[str]:
    if demand.limit <= 0:
        return []
    wanted = {"types": json(demand.types), "limit": demand.limit}
    if len(demand.queues) == 1:
        return [row[2] for row in tx.db.execute(_PICK, {**wanted, "queue": demand.queues[0]})]
    queues = dict.fromkeys(demand.queues)
    candidates = [tx.db.execute(_PICK, {**wanted, "queue": queue}).fetchall() for queue in queues]
    return [row[2] for row in islice(heapq.merge(*candidates), demand.limit)]


def _load(tx: Tx, ids: str) -> list[Claim]:
    (text,) = tx.db.execute(_LOAD, {"ids": ids}).fetchone()
    rows = orjson.loads(text)
    # The first claim of a job has lease 1: of all others there may be something to remember.
    recalls = _recalls(tx, [row[0] for row in rows if row[5] > 1])
    return [Claim._make((*row, recalls.get(row[0]))) for row in rows]


def _recalls(tx: Tx, jobs: Sequence[str]) -> dict[str, Recall]:
    if not jobs:
        return {}
    ids = json(jobs)
    steps: defaultdict[str, list[StepRow]] = defaultdict(list)
    for row in tx.db.execute(_STEPS, {"ids": ids, **LAZY}).fetchall():
        steps[row[5]].append(step_row(row))
    prompts: defaultdict[str, list[PromptRow]] = defaultdict(list)
    for row in tx.db.execute(_PROMPTS, {"ids": ids}).fetchall():
        prompts[row[1]].append(prompt_row(row))
    return {job: Recall(steps=steps[job], prompts=prompts[job]) for job in jobs}
