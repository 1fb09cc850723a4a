"""What a run writes while it lasts: steps, questions, facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bide.errors import LeaseLost
from bide.events import EventKind
from bide.store.base import Fact, NewPrompt, PromptRow, StepRow
from bide.store.rows import data, json, moment, prompt_row
from bide.store.sqlite.moves import append, withdraw_one
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_RUNNING = statement("running")
_RECORD = statement("record")
_STEP_RESULT = statement("step_result")
_PROMPT_OF_KEY = statement("prompt_of_key")
_ASK = statement("ask")
_NOTING = statement("noting")
_NOTED = statement("noted")
_NOTE = statement("note")
_EVENT_AT = statement("event_at")


def record(job: str, lease: int, step: StepRow, about: str) -> Callable[[Tx], None]:
    def verb(tx: Tx) -> None:
        _must_run(tx, job, lease)
        recorded = tx.db.execute(
            _RECORD,
            {
                "job": job,
                "name": step.name,
                "key": step.key,
                "result": step.result,
                "error": step.error,
                "size": 0 if step.result is None else len(step.result.encode()),
                "now": tx.now,
            },
        ).rowcount
        if recorded:
            append(tx, job, EventKind.STEP_COMPLETED if step.error is None else EventKind.STEP_FAILED, about)

    return verb


def recorded(job: str, name: str, key: str) -> Callable[[Tx], bool]:
    return lambda tx: tx.db.execute(_STEP_RESULT, {"job": job, "name": name, "key": key}).fetchone() is not None


def ask(job: str, lease: int, prompt: NewPrompt) -> Callable[[Tx], PromptRow]:
    def verb(tx: Tx) -> PromptRow:
        _must_run(tx, job, lease)
        asked = {"job": job, "key": prompt.key}
        if stored := tx.db.execute(_PROMPT_OF_KEY, asked).fetchone():
            earlier = prompt_row(stored)
            if earlier.id != prompt.replaces:
                return earlier
            withdraw_one(tx, job, earlier.id, prompt.key)
        deadline_at = None if prompt.timeout is None else tx.now + prompt.timeout
        tx.db.execute(
            _ASK,
            {
                **asked,
                "id": prompt.id,
                "kind": prompt.kind,
                "data": prompt.data,
                "schema": prompt.schema,
                "assignee": prompt.assignee,
                "default": prompt.default,
                "now": tx.now,
                "deadline_at": deadline_at,
            },
        )
        about = data(prompt=prompt.id, key=prompt.key, kind=prompt.kind, deadline_at=moment(deadline_at))
        append(tx, job, EventKind.PROMPT_OPENED, about)
        return prompt_row(tx.db.execute(_PROMPT_OF_KEY, asked).fetchone())

    return verb


def note(facts: Sequence[Fact]) -> Callable[[Tx], Sequence[bool]]:
    # Facts have no ids. The numbers that a run of the verb gave them are its token, should its outcome be unknown.
    given: list[tuple[str, int, str, int, int, str]] = []
    answers: list[bool] = []

    def verb(tx: Tx) -> Sequence[bool]:
        if given and _is_written(tx, given):
            return answers
        given.clear()
        answers.clear()
        pairs = {(fact.job, fact.lease): None for fact in facts}
        found = tx.db.execute(_NOTING, {"pairs": json(list(pairs))}).fetchall()
        attempts = {(job, lease): attempt for job, lease, _, attempt in found}
        seqs = {job: seq for job, _, seq, _ in found}
        progress: dict[str, str] = {}
        for fact in facts:
            attempt = attempts.get((fact.job, fact.lease))
            answers.append(attempt is not None)
            if attempt is None:
                continue
            seqs[fact.job] += 1
            given.append((fact.job, seqs[fact.job], fact.kind.value, attempt, fact.lease, fact.data))
            if fact.kind is EventKind.PROGRESS:
                progress[fact.job] = fact.data
        if given:
            tx.db.execute(_NOTED, {"rows": json(given), "now": tx.now})
            tx.db.execute(_NOTE, {"rows": json([(job, seq, progress.get(job)) for job, seq in seqs.items()])})
            tx.changed = True
        return answers

    return verb


def _is_written(tx: Tx, given: Sequence[tuple[str, int, str, int, int, str]]) -> bool:
    job, seq, kind, _, lease, about = given[0]
    return bool(tx.db.execute(_EVENT_AT, {"job": job, "seq": seq}).fetchone() == (kind, lease, about))


def _must_run(tx: Tx, job: str, lease: int) -> None:
    if tx.db.execute(_RUNNING, {"job": job, "lease": lease}).fetchone() is None:
        raise LeaseLost(f"Job {job} is not running under lease {lease} any more.")
