"""Representations that are kept: of a state that has not changed, each for who may see it, and not more than fit."""

from __future__ import annotations

import orjson
import pytest

from bide.http import render
from bide.http.render import Bodies, etag, job
from bide.job import JobError
from bide.store.base import JobRow, NewJob

ROW = (
    NewJob(id="01999f5e-3c1a-7b2d-9a4e-5f6071829304", type="add")
    .row(1_767_225_600_000_000)
    ._replace(error=JobError(type="ValueError", message="odd", traceback="for administrators").model_dump_json())
)


def shown(bodies: Bodies, row: JobRow, *, full: bool) -> bytes:
    return bodies.job(row, etag(row, full=full), full=full)


def test_a_state_is_written_once_and_another_one_anew() -> None:
    bodies = Bodies()
    changed = ROW._replace(seq=2, priority=7)
    for row in (ROW, changed, ROW):
        for full in (False, True):
            body = shown(bodies, row, full=full)
            assert body == job(row, full=full)
            assert shown(bodies, row, full=full) is body
    assert b"for administrators" not in shown(bodies, ROW, full=False)
    assert orjson.loads(shown(bodies, changed, full=False))["priority"] == 7


def test_no_more_are_kept_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "KEPT", 2)
    bodies = Bodies()
    first = shown(bodies, ROW, full=False)
    large = ROW._replace(seq=9, result=orjson.dumps("x" * render.LARGEST).decode())
    assert shown(bodies, large, full=False) is not shown(bodies, large, full=False)
    assert shown(bodies, ROW, full=False) is first
    for seq in (2, 3):
        shown(bodies, ROW._replace(seq=seq), full=False)
    assert shown(bodies, ROW, full=False) == first
    assert shown(bodies, ROW, full=False) is not first
