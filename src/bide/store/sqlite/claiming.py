"""Which jobs a worker takes next, and what it is given with them."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import accumulate, islice
from typing import cast

import orjson

from bide.batch import MAX_BYTES
from bide.store.base import Claim, Demand, PromptRow, Recall, StepRow
from bide.store.rows import json, prompt_row, step_row
from bide.store.sqlite.lanes import Lanes
from bide.store.sqlite.rows import LAZY
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_ALIVE = statement("worker_alive")
_PICK = statement("pick")
_LOAD = statement("load")
_STEPS = statement("recall_steps")
_PROMPTS = statement("recall_prompts")


def look(tx: Tx, worker: str) -> tuple[bool, bool]:
    """Whether this worker may claim, and whether anything of jobs with a limit is to be seen to."""
    alive, limited = tx.db.execute(_ALIVE, {"worker": worker}).fetchone()
    return bool(alive), bool(limited)


def pick(tx: Tx, demands: Sequence[Demand], lanes: Lanes | None) -> list[int]:
    """The rowids of the jobs that are to be claimed now."""
    picked: dict[int, None] = {}
    for demand in demands:
        if demand.limit > 0:
            picked.update(dict.fromkeys(_pick(tx, demand, picked, lanes)))
    return list(picked)


def _pick(tx: Tx, demand: Demand, taken: Collection[int], lanes: Lanes | None) -> list[int]:
    wanted = {"types": json(dict(demand.types))}

    def found(queue: str, lane: str, most: int) -> list[tuple[int, int, str, int, int]]:
        # Of the same jobs as another demand, those that are left.
        source = {**wanted, "queue": queue, "lane": lane, "limit": most + len(taken)}
        return cast("list[tuple[int, int, str, int, int]]", orjson.loads(tx.db.execute(_PICK, source).fetchone()[0]))

    if lanes is None:
        queues = [found(queue, "", demand.limit) for queue in dict.fromkeys(demand.queues)]
        places = ((place, size) for _, _, _, place, size in heapq.merge(*queues) if place not in taken)
        return _bounded(list(islice(places, demand.limit)))
    sources = [[(*job, queue, lane) for job in found(queue, lane, most)] for queue, lane, most in lanes.sources(demand)]
    picked: list[int] = []
    carried = 0
    for _, _, _, place, size, queue, lane in heapq.merge(*sources):
        if place not in taken and lanes.admit(place, queue, lane):
            picked.append(place)
            carried += size
            if len(picked) == demand.limit or carried >= MAX_BYTES:
                break
    return picked


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
