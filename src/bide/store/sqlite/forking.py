"""Making a new job of another one: to run it again, or to go another way from some point of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from bide.errors import IdempotencyConflict
from bide.job import TERMINAL
from bide.store.base import Fork, JobRow
from bide.store.forks import kept
from bide.store.refusals import no_job, not_finished
from bide.store.rows import json
from bide.store.sqlite.moves import stirred
from bide.store.sqlite.rows import job_rows
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_KEY_OF = statement("key_of")
_RECORDED = statement("fork_recorded")
_ANSWERS = statement("fork_answers")
_FORK = statement("fork")
_COPIES = (statement("fork_input"), statement("fork_labels"))
_STEPS = statement("fork_steps")
_PROMPTS = statement("fork_prompts")
_RESPONSES = statement("fork_responses")
_EVENTS = statement("fork_events")
_STEP_ROWS = statement("fork_step_names")


def fork(job: str, owner: str | None, wanted: Fork) -> Callable[[Tx], JobRow]:
    def verb(tx: Tx) -> JobRow:
        found = job_rows(tx.db, [job], owner)
        if not found:
            raise no_job(job)
        source = found[0]
        if wanted.finished and source.status not in TERMINAL:
            raise not_finished(job, source.status)
        if existing := job_rows(tx.db, [wanted.id]):
            return existing[0]
        if wanted.idempotency_key is not None:
            key = {"owner": source.owner, "key": wanted.idempotency_key}
            if holder := tx.db.execute(_KEY_OF, key).fetchone():
                if holder[1] != wanted.digest:
                    raise IdempotencyConflict(wanted.idempotency_key, uuid.UUID(holder[0]))
                return job_rows(tx.db, [holder[0]])[0]
        _copy(tx, source, wanted)
        return job_rows(tx.db, [wanted.id])[0]

    return verb


def _copy(tx: Tx, source: JobRow, wanted: Fork) -> None:
    job = {"job": source.id}
    recorded = tx.db.execute(_RECORDED, {**job, "after": wanted.after}).fetchall()
    there = tx.db.execute(_STEP_ROWS, job).fetchall()
    answered = [row[0] for row in tx.db.execute(_ANSWERS, job).fetchall()]
    steps, prompts, events = kept(source, wanted, recorded, there, answered)
    ids = {"id": wanted.id, **job}
    new = {
        **ids, "now": tx.now, "seq": len(events), "idempotency_key": wanted.idempotency_key, "digest": wanted.digest,
    }  # fmt: skip
    tx.db.execute(_FORK, new)
    for copy in _COPIES:
        tx.db.execute(copy, ids)
    stirred(tx, [wanted.id])
    tx.db.execute(_STEPS, {**ids, "steps": json(steps)})
    tx.db.execute(_PROMPTS, {"id": wanted.id, "prompts": json(prompts)})
    tx.db.execute(_RESPONSES, {"id": wanted.id, "prompts": json(prompts)})
    tx.db.execute(_EVENTS, {"id": wanted.id, "now": tx.now, "events": json(events)})
    tx.changed = tx.ready = True
