"""Which jobs a worker takes next, and what it is given with them."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import accumulate, islice

import orjson

from bide.batch import MAX_BYTES
from bide.store.base import Claim, Demand, PromptRow, Recall, StepRow
from bide.store.rows import json, prompt_row, step_row
from bide.store.sqlite.rows import LAZY
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_ALIVE = statement("worker_alive")
_PICK = statement("pick")
_LOAD = statement("load")
_STEPS = statement("recall_steps")
_PROMPTS = statement("recall_prompts")


def pick(tx: Tx, worker: str, demands: Sequence[Demand]) -> list[int]:
    """The rowids of the jobs that this worker is to claim now."""
    if not demands or tx.db.execute(_ALIVE, {"worker": worker}).fetchone() is None:
        return []
    picked: dict[int, None] = {}
    for demand in demands:
        picked.update(dict.fromkeys(_pick(tx, demand, picked)))
    return list(picked)


def _pick(tx: Tx, demand: Demand, taken: Collection[int]) -> list[int]:
    if demand.limit <= 0:
        return []
    # Of the same jobs as another demand, those that are left.
    wanted = {"types": json(dict(demand.types)), "limit": demand.limit + len(taken)}
    queues = [
        orjson.loads(tx.db.execute(_PICK, {**wanted, "queue": queue}).fetchone()[0])
        for queue in dict.fromkeys(demand.queues)
    ]
    places = ((place, size) for _, _, _, place, size in heapq.merge(*queues) if place not in taken)
    return _bounded(list(islice(places, demand.limit)))


def _bounded(picked: Sequence[tuple[int, int]]) -> list[int]:
    """As many as may be handed over at once, up to the one whose input makes it enough: one at least."""
    enough = bisect_left(list(accumulate(size for _, size in picked)), MAX_BYTES) + 1
    return [place for place, _ in picked[:enough]]


def load(tx: Tx, picked: Sequence[int]) -> list[Claim]:
    """What is to be known of jobs that were claimed in this transaction, in their order."""
    (text,) = tx.db.execute(_LOAD, {"picked": json(picked)}).fetchone()
    rows = orjson.loads(text)
    # The first claim of a job has lease 1, unless it is a fork: of all others there may be something to remember.
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
