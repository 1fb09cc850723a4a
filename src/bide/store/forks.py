"""What a fork keeps of the job it is made of. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from bide.events import EventKind as E
from bide.store.base import Fork, JobRow
from bide.store.rows import data, json


class Kept(NamedTuple):
    """The steps by name and key, the questions by old and new id, and the events, kind and data, that tell of it all,
    the first one included."""

    steps: Sequence[tuple[str, str]]
    prompts: Sequence[tuple[str, str]]
    events: Sequence[tuple[str, str]]


def kept(
    source: JobRow,
    wanted: Fork,
    recorded: Iterable[tuple[str, str]],
    there: Iterable[tuple[str, str]],
    answered: Iterable[str],
) -> Kept:
    """Of the events of recorded steps and of questions, kind and data, the steps that are there without an error, and
    the prompts that have an answer."""
    told = [(kind, orjson.loads(text)) for kind, text in recorded]
    there = set(there)
    closed = {about["prompt"] for kind, about in told if kind in {E.PROMPT_ANSWERED, E.PROMPT_EXPIRED}}
    new_ids = {prompt: str(uuid.uuid5(uuid.UUID(wanted.id), prompt)) for prompt in answered if prompt in closed}
    steps: list[tuple[str, str]] = []
    events: list[tuple[str, str]] = [(E.ENQUEUED.value, _about(source, wanted))]
    for kind, about in told:
        if kind == E.STEP_COMPLETED:
            step = (about["step"], about.get("key", ""))
            if step in there:
                steps.append(step)
                events.append((kind, json(about)))
        elif about["prompt"] in new_ids:
            events.append((kind, json({**about, "prompt": new_ids[about["prompt"]]})))
    return Kept(steps, list(new_ids.items()), events)


def _about(source: JobRow, wanted: Fork) -> str:
    return data(
        type=source.type,
        queue=source.queue,
        priority=source.priority,
        owner=source.owner,
        max_attempts=source.max_attempts,
        forked_from=source.id,
        after=wanted.after,
        by=wanted.by,
    )
