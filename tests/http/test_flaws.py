"""What is wrong with an input or an answer: each flaw at its place in the body, as a JSON pointer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.http.server import client_of
from tests.http.shop import Shop
from tests.http.test_identities import asked


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db")


@pytest.fixture
async def ann(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(shop.app, who="ann") as client:
        yield client


def places(problem: dict[str, Any]) -> list[str]:
    assert {flaw["where"] for flaw in problem["errors"]} == {"body"}
    return [flaw["path"] for flaw in problem["errors"]]


@pytest.mark.parametrize(
    ("type", "input", "code", "told"),
    [
        ("add", {"a": "1"}, "invalid_payload", ["/input/a"]),
        ("add", {"a": "1", "b": None}, "invalid_payload", ["/input/a", "/input/b"]),
        ("add", {}, "invalid_arguments", ["/input/a"]),
        ("add", {"a": 1, "extra": 1}, "invalid_arguments", ["/input/extra"]),
        ("add", {"b": "2", "x/y": 1}, "invalid_arguments", ["/input/a", "/input/x~1y", "/input/b"]),
        ("deliver", {"to": {"number": "1"}}, "invalid_payload", ["/input/to/street", "/input/to/number"]),
        ("deliver", {"to": {"street": "a", "number": 1}, "note": "\0"}, "invalid_payload", ["/input/note"]),
    ],
)
async def test_each_flaw_of_an_input_has_its_place(
    ann: httpx.AsyncClient, type: str, input: dict[str, Any], code: str, told: list[str]
) -> None:
    answer = await ann.post("/api/jobs", json={"type": type, "input": input})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, code)
    assert places(problem) == told


async def test_in_a_batch_the_place_is_in_the_body_that_was_sent(ann: httpx.AsyncClient) -> None:
    inputs: list[dict[str, Any]] = [{"a": 1}, {"a": "1"}, {}]
    jobs = [{"type": "add", "input": given} for given in inputs]
    items = (await ann.post("/api/jobs/batch", json={"jobs": jobs})).json()["items"]
    assert [places(item["problem"]) for item in items[1:]] == [["/jobs/1/input/a"], ["/jobs/2/input/a"]]


async def test_no_more_flaws_are_listed_than_somebody_reads(ann: httpx.AsyncClient) -> None:
    unknown = {f"n{n}": n for n in range(1_000)}
    problem = (await ann.post("/api/jobs", json={"type": "add", "input": {"a": 1, **unknown}})).json()
    assert len(problem["errors"]) == 20
    assert len(problem["message"]) < 1_000
    problem = (await ann.post("/api/jobs/batch", json={"jobs": [1] * 100})).json()
    assert len(problem["errors"]) == 20
    assert problem["message"].endswith("and 99 more")


@pytest.mark.parametrize("address", ["/api/prompts/{prompt}/response", "/api/hitl/{job}/response"])
async def test_each_flaw_of_an_answer_has_its_place_in_the_answer(
    shop: Shop, ann: httpx.AsyncClient, address: str
) -> None:
    job, prompt = await asked(shop)
    await ann.get(f"/api/hitl/{job.id}/prompt")
    answer = await ann.post(address.format(prompt=prompt, job=job.id), json={"street": 1, "secret": "hunter2"})
    assert answer.status_code == 422
    assert sorted(places(answer.json())) == ["/number", "/street"]
    assert "hunter2" not in answer.text
    odd = await ann.post(f"/api/prompts/{uuid4()}/response", json={})
    assert odd.status_code == 404
