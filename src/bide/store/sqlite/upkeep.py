"""What time brings: wake-ups, deadlines, fairness, and the end of retention."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from bide.events import EventKind as E
from bide.store.base import Prunable
from bide.store.refusals import no_job, not_finished
from bide.store.rows import data, json
from bide.store.sqlite.moves import append, resume, stirred
from bide.store.sqlite.settling import held
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_DUE = statement("due")
_WAKE = statement("wake")
_PAST_DEADLINE = statement("past_deadline")
_EXPIRE = statement("expire")
_RESPOND = statement("respond")
_PROMOTE = statement("promote")
_FORGET_PERMITS = statement("forget_permits")
_FORGET_QUEUES = statement("forget_queues")
_PRUNE = statement("prune")
_JOB_STATE = statement("job_state")
_DELETE_JOB = statement("delete_job")
# Responses are found through their prompts: before them.
_DELETE_ALL = [
    statement(f"delete_{what}") for what in ("responses", "prompts", "steps", "payloads", "labels", "events")
]

BOUND = 1_000
"""How many rows one call changes."""

EXPIRING = 100
"""How many questions one call closes: each is several statements, and the file is held meanwhile."""

SECOND = 1_000_000
"""Microseconds."""

HIGHEST = 32_767
"""The urgency above every priority."""


def wake_due(tx: Tx) -> int:
    rows = tx.db.execute(_DUE, {"now": tx.now, "limit": BOUND}).fetchall()
    if not rows:
        return 0
    tx.db.execute(_WAKE, {"ids": json([row[0] for row in rows])})
    for job, status in rows:
        if status == "pending_hitl":
            resume(tx, job, "woken")
    stirred(tx, [row[0] for row in rows])
    tx.ready = True
    return len(rows)


def expire(tx: Tx) -> int:
    rows = tx.db.execute(_PAST_DEADLINE, {"now": tx.now, "limit": EXPIRING}).fetchall()
    for prompt, job, key, default in rows:
        tx.db.execute(_EXPIRE, {"prompt": prompt, "now": tx.now})
        if default is not None:
            response = {
                "prompt": prompt,
                "id": str(uuid.uuid5(_DEFAULTS, prompt)),
                "job": job,
                "action": "answer",
                "value": default,
                "by": None,
                "now": tx.now,
                "defaulted": 1,
            }
            tx.db.execute(_RESPOND, response)
        about = data(prompt=prompt, key=key, defaulted=True if default is not None else None)
        append(tx, job, E.PROMPT_EXPIRED, about)
        resume(tx, job, "expired")
    return len(rows)


_DEFAULTS = uuid.UUID("0d6f2b0e-6f0c-5b0a-9f53-6f6b0f4bb4a1")
"""Namespace of the ids of responses that nobody gave."""


def promote(waited: int) -> Callable[[Tx], int]:
    def verb(tx: Tx) -> int:
        lifted = {"highest": HIGHEST, "before": tx.now - waited, "limit": BOUND}
        return tx.db.execute(_PROMOTE, lifted).rowcount

    return verb


def forget_permits(tx: Tx) -> int:
    tx.db.execute(_FORGET_QUEUES, {"before": tx.now - SECOND})
    return tx.db.execute(_FORGET_PERMITS, {"now": tx.now, "limit": BOUND}).rowcount


def prune(prunable: Prunable, owner: str | None, limit: int) -> Callable[[Tx], int]:
    deleted: set[str] = set()

    def verb(tx: Tx) -> int:
        # By a run of this verb whose outcome was unknown: what is there still it has not deleted.
        deleted.difference_update(held(tx, list(deleted)))
        rows = tx.db.execute(_PRUNE, {**prunable_by(prunable, owner), "limit": limit - len(deleted)}).fetchall()
        ids = [row[0] for row in rows]
        _delete_all(tx, ids)
        deleted.update(ids)
        return len(deleted)

    return verb


def delete(job: str, owner: str | None) -> Callable[[Tx], None]:
    deleted = False

    def verb(tx: Tx) -> None:
        nonlocal deleted
        found = tx.db.execute(_JOB_STATE, {"job": job, "owner": owner}).fetchone()
        if found is None:
            if deleted:  # by a run of this verb whose outcome was unknown
                return
            raise no_job(job)
        if not tx.db.execute(_DELETE_JOB, {"job": job}).rowcount:
            raise not_finished(job, found[0])
        _delete_all(tx, [job])
        deleted = True

    return verb


def prunable_by(prunable: Prunable, owner: str | None) -> dict[str, object]:
    """The parameters of `prunable.sql`."""
    return {"before": prunable.before, "statuses": json([str(s) for s in prunable.statuses]), "owner": owner}


def _delete_all(tx: Tx, jobs: Sequence[str]) -> None:
    if not jobs:
        return
    ids = {"ids": json(jobs)}
    for statement_ in _DELETE_ALL:
        tx.db.execute(statement_, ids)
    tx.changed = True
