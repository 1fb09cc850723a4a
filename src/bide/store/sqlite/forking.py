"""Making a new job of another one: to run it again, or to go another way from some point of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import orjson

from bide.errors import IdempotencyConflict, NotFinished, NotFound
from bide.events import EventKind as E
from bide.job import TERMINAL
from bide.store.base import Fork, JobRow
from bide.store.sqlite.rows import data, job_rows, json
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
            raise NotFound(f"Job {job} not found")
        source = found[0]
        if wanted.finished and source.status not in TERMINAL:
            raise NotFinished(f"Job {job} is {source.status}.", hint="Cancel it first, or wait for its end.")
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
    steps, prompts, kept = _kept(tx, source.id, wanted)
    about = data(
        type=source.type,
        queue=source.queue,
        priority=source.priority,
        owner=source.owner,
        max_attempts=source.max_attempts,
        forked_from=source.id,
        after=wanted.after,
        by=wanted.by,
    )
    events = [[E.ENQUEUED.value, about], *kept]
    ids = {"id": wanted.id, "job": source.id}
    new = {
        **ids, "now": tx.now, "seq": len(events), "idempotency_key": wanted.idempotency_key, "digest": wanted.digest,
    }  # fmt: skip
    tx.db.execute(_FORK, new)
    for copy in _COPIES:
        tx.db.execute(copy, ids)
    tx.db.execute(_STEPS, {**ids, "steps": json(steps)})
    tx.db.execute(_PROMPTS, {"id": wanted.id, "prompts": json(prompts)})
    tx.db.execute(_RESPONSES, {"id": wanted.id, "prompts": json(prompts)})
    tx.db.execute(_EVENTS, {"id": wanted.id, "now": tx.now, "events": json(events)})
    tx.changed = tx.ready = True


def _kept(
    tx: Tx, job: str, wanted: Fork
) -> tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]], Sequence[tuple[str, str]]]:
    """The steps by name and key, the questions by old and new id, and the events that tell of them."""
    recorded = [
        (kind, orjson.loads(text))
        for kind, text in tx.db.execute(_RECORDED, {"job": job, "after": wanted.after}).fetchall()
    ]
    there = {(name, key) for name, key in tx.db.execute(_STEP_ROWS, {"job": job}).fetchall()}
    closed = {about["prompt"] for kind, about in recorded if kind in {E.PROMPT_ANSWERED, E.PROMPT_EXPIRED}}
    answered = [row[0] for row in tx.db.execute(_ANSWERS, {"job": job}).fetchall()]
    new_ids = {prompt: str(uuid.uuid5(uuid.UUID(wanted.id), prompt)) for prompt in answered if prompt in closed}
    steps: list[tuple[str, str]] = []
    events: list[tuple[str, str]] = []
    for kind, about in recorded:
        if kind == E.STEP_COMPLETED:
            step = (about["step"], about.get("key", ""))
            if step in there:
                steps.append(step)
                events.append((kind, json(about)))
        elif about["prompt"] in new_ids:
            events.append((kind, json({**about, "prompt": new_ids[about["prompt"]]})))
    return steps, list(new_ids.items()), events
