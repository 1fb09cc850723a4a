"""What is sent again, and what is answered after the deed: nothing is done twice, and nothing is said to have failed
that has been done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends
from pydantic import BaseModel, SecretStr

from bide import Confirm, Form, Job, JobContext
from bide.http import Accept, Limits, accepting
from bide.respond import MASK
from tests.http.server import serving
from tests.http.shop import Address, Shop
from tests.http.test_conventions import assert_problem, new
from tests.http.test_limits import full

ADD = new("add", a=1, b=2)


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db", limits=Limits(streams=1))


@pytest.fixture
async def ann(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    accepts = Depends(accepting(shop.bide))

    @shop.app.post("/own", status_code=202)
    async def own(accept: Accept = accepts, message: str = "") -> Job[Any]:
        return await accept(await shop.fail.options(owner="ann").enqueue(message))

    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers={"X-Who": "ann"}, timeout=30) as client,
    ):
        yield client


def root(client: httpx.AsyncClient) -> str:
    return str(client.base_url).removesuffix("/api/")


async def question(shop: Shop) -> tuple[Job[Any], str]:
    job = await shop.deliver.options(owner="ann").enqueue(Address(street="Elm", number=7))
    async for event in shop.bide.events(job):
        if event.kind == "job.waiting":
            break
    (prompt,) = await shop.bide.show_prompts(job)
    return job, str(prompt.id)


async def test_another_body_under_a_used_key_is_refused(ann: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    rich = {**ADD, "labels": {"team": "mail"}, "priority": 3}
    first = await ann.post("jobs", json=rich, headers=key)
    assert first.status_code == 202
    again = await ann.post("jobs", json=rich, headers=key)
    assert again.json()["id"] == first.json()["id"]
    for other in ({**rich, "priority": 4}, ADD | {"priority": 3}, {**rich, "queue": "slow"}, new("add", a=9)):
        assert_problem(await ann.post("jobs", json=other, headers=key), 422, "idempotency_conflict")
    # What is not said is as it was.
    assert (await ann.post("jobs", json={**ADD, "labels": {"team": "mail"}}, headers=key)).status_code == 202


async def test_a_batch_under_one_key_is_made_once(ann: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "many"}
    batch = {"jobs": [ADD, {**ADD, "idempotency_key": "own"}, new("add", a=5)]}
    first, again = [(await ann.post("jobs/batch", json=batch, headers=key)).json()["items"] for _ in range(2)]
    assert [item["status"] for item in first] == [202, 202, 202]
    assert [item["job"]["id"] for item in again] == [item["job"]["id"] for item in first]
    assert len((await ann.get("jobs")).json()["items"]) == 3
    batch["jobs"][0] = new("add", a=7)
    other = (await ann.post("jobs/batch", json=batch, headers=key)).json()["items"]
    assert [item["status"] for item in other] == [422, 202, 202]


async def test_another_answer_under_a_used_key_is_refused(ann: httpx.AsyncClient, shop: Shop) -> None:
    job, prompt = await question(shop)
    key = {"Idempotency-Key": "k"}
    proceed = {"action": "proceed"}
    receipt = await ann.post(f"prompts/{prompt}/response", json=proceed, headers=key)
    assert receipt.status_code == 200
    for path in (f"prompts/{prompt}/response", f"hitl/{job.id}/response"):
        assert (await ann.post(path, json=proceed, headers=key)).json() == receipt.json()
        for other in ({"action": "cancel"}, {"nonsense": 1}, {"action": "revise", "feedback": "no"}):
            assert_problem(await ann.post(path, json=other, headers=key), 422, "idempotency_conflict")
    job, prompt = await question(shop)
    cancel = {"action": "cancel"}
    first = await ann.post(f"prompts/{prompt}/response", json=cancel, headers=key)
    assert (await ann.post(f"prompts/{prompt}/response", json=cancel, headers=key)).json() == first.json()
    assert_problem(await ann.post(f"prompts/{prompt}/response", json=proceed, headers=key), 422, "idempotency_conflict")


async def test_who_may_not_wait_is_told_that_the_job_was_made(ann: httpx.AsyncClient) -> None:
    async with ann.stream("GET", "events") as stream:
        assert stream.status_code == 200
        wait = {"Prefer": "wait=5"}
        assert (await ann.get("jobs/01999f5e-3c1a-7b2d-9a4e-5f6071829304?wait=1")).status_code == 404
        for path, body in (("jobs", {**ADD, "delay": "1h"}), (f"{root(ann)}/own", None)):
            made = await ann.post(path, json=body, headers=wait)
            assert made.status_code == 202
            assert "preference-applied" not in made.headers
            assert made.headers["location"]


async def test_the_host_s_own_endpoint_shows_no_traceback(ann: httpx.AsyncClient) -> None:
    made = await ann.post(f"{root(ann)}/own", params={"message": "no stock"}, headers={"Prefer": "wait=10"})
    while made.json()["status"] == "pending":  # it is tried three times, with a pause
        made = await ann.get(f"jobs/{made.json()['id']}?wait=10")
    assert made.json()["error"]["message"] == "no stock"
    assert made.json()["error"]["traceback"] is None


@pytest.mark.parametrize("value", [2**64, -(2**64), 10**30, [{"deep": 2**70}]], ids=repr)
async def test_an_integer_is_never_rounded(ann: httpx.AsyncClient, value: Any) -> None:
    told = assert_problem(await ann.post("jobs", json={"type": "add", "input": {"a": value}}), 422, "invalid_payload")
    assert "e+" not in told["message"]
    kept = await ann.post("jobs", json={"type": "add", "input": {"a": 2**63 - 1}}, headers={"Prefer": "wait=10"})
    assert kept.json()["result"] == 2**63 - 1
    text = {"type": "fail", "input": {"message": "1" * 40}}
    assert (await ann.post("jobs", json=text)).status_code == 202


async def test_headers_on_several_lines_are_one(ann: httpx.AsyncClient) -> None:
    job = (await ann.post("jobs", json=ADD, headers={"Prefer": "wait=10"})).json()["id"]
    tag = (await ann.get(f"jobs/{job}")).headers["etag"]
    assert (await ann.get(f"jobs/{job}", headers=[("If-None-Match", '"x"'), ("If-None-Match", tag)])).status_code == 304
    lines = [("Prefer", "respond-async"), ("Prefer", "wait=10"), ("Prefer", "x" * 500)]
    assert (await ann.post("jobs", json=ADD, headers=lines)).headers["preference-applied"] == "wait=10"


async def test_a_wait_for_any_change_waits(ann: httpx.AsyncClient, shop: Shop) -> None:
    job = await shop.hold.options(owner="ann", delay="1h").enqueue()

    async def cancel() -> None:
        await full(shop.bide, "ann")  # the one that waits is held
        await shop.bide.cancel(job)

    answer, _ = await asyncio.gather(ann.get(f"jobs/{job.id}?wait=20", headers={"If-None-Match": "*"}), cancel())
    assert answer.status_code == 304  # it has changed; there is one, still
    assert answer.headers["etag"] == '"2"'


async def test_reading_the_head_of_a_question_shows_it_to_nobody(ann: httpx.AsyncClient, shop: Shop) -> None:
    job = await shop.deliver.options(owner="ann").enqueue(Address(street="Elm", number=7))
    async for event in shop.bide.events(job):
        if event.kind == "job.waiting":
            break
    for path in (f"hitl/{job.id}/prompt", f"jobs/{job.id}/prompts"):
        assert (await ann.head(path)).status_code == 200
    blind = await ann.post(f"hitl/{job.id}/response", json={"action": "proceed"})
    assert_problem(blind, 409, "prompt_not_served")


async def test_a_position_of_another_database_hides_nothing(ann: httpx.AsyncClient, shop: Shop) -> None:
    job = await shop.add.options(owner="ann").enqueue(1)
    await shop.bide.result(job)
    async with ann.stream("GET", f"jobs/{job.id}/events", headers={"Last-Event-ID": "1000"}) as stream:
        told = "".join([text async for text in stream.aiter_text()])
    assert "event: snapshot" in told
    assert '"status":"completed"' in told
    async with ann.stream("GET", "events", headers={"Last-Event-ID": "1000"}) as stream:
        async for text in stream.aiter_text():
            if "event: snapshot" in text:
                break


async def test_a_secret_is_recorded_and_never_shown(ann: httpx.AsyncClient, shop: Shop) -> None:
    class Login(BaseModel):
        user: str
        password: SecretStr
        others: list[SecretStr] = []

    class Account(BaseModel):
        login: Login | None
        keys: dict[str, SecretStr]

    @shop.bide.job
    async def sign_in(ctx: JobContext[Any]) -> str:
        account = await ctx.ask("account", Form(Account))
        assert account.login is not None
        return f"{account.login.password.get_secret_value()} {account.keys['a'].get_secret_value()}"

    job = await sign_in.options(owner="ann").enqueue()
    async for event in shop.bide.events(job):
        if event.kind == "job.waiting":
            break
    (prompt,) = await shop.bide.show_prompts(job)
    given = {"login": {"user": "ann", "password": "hush", "others": ["hush"]}, "keys": {"a": "hush"}}
    seen = {"login": {"user": "ann", "password": MASK, "others": [MASK]}, "keys": {"a": MASK}}
    path = f"prompts/{prompt.id}/response"
    answers = [await ann.post(path, json=given, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.json()["value"] for answer in answers] == [seen, seen]
    assert (await ann.get(f"prompts/{prompt.id}")).json()["response"] == seen
    assert (await ann.post(path, json=given)).json()["response"] == seen
    assert await shop.bide.result(job) == "hush hush"


async def test_an_inbox_is_read_to_its_end(ann: httpx.AsyncClient, shop: Shop) -> None:
    asked = {(await question(shop))[1] for _ in range(5)}
    address, seen = "prompts?limit=2", list[str]()
    while address:
        page = await ann.get(address)
        seen += [item["id"] for item in page.json()["items"]]
        link = page.headers.get("link")
        assert (link is None) == (page.json()["next_cursor"] is None)
        address = "" if link is None else f"prompts{link[1 : link.index('>')]}"
    assert seen == sorted(asked)
    assert_problem(await ann.get("prompts?cursor=abc"), 422, "invalid_option")


async def test_all_questions_of_a_job_are_read_to_their_end(
    ann: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bide.http.prompts.PAGE", 2)

    @shop.bide.job
    async def survey(ctx: JobContext[Any]) -> None:
        await asyncio.gather(*(ctx.ask(n, Confirm(summary="?")) for n in range(5)))

    job = await survey.options(owner="ann").enqueue()
    async for event in shop.bide.events(job):
        if event.kind == "job.waiting":
            break
    waiting = (await ann.get(f"jobs/{job.id}/prompts")).json()
    assert (len(waiting["items"]), waiting["next_cursor"]) == (5, None)
    address, seen = f"jobs/{job.id}/prompts?open=false", list[str]()
    while address:
        page = await ann.get(address)
        seen += [item["id"] for item in page.json()["items"]]
        cursor, link = page.json()["next_cursor"], page.headers.get("link")
        assert (link is None) == (cursor is None)
        if cursor:
            assert_problem(await ann.get(f"jobs/{job.id}/prompts?cursor={cursor}"), 422, "invalid_option")
        address = "" if link is None else f"jobs/{job.id}/prompts{link[1 : link.index('>')]}"
    assert seen == sorted(item["id"] for item in waiting["items"])


async def test_more_than_may_be_cancelled_at_once_is_told(ann: httpx.AsyncClient, shop: Shop) -> None:
    await shop.bide.enqueue_many([shop.add.options(owner="ann", delay="1d").call(n) for n in range(1_001)])
    left = [(await ann.post("jobs/cancel", json={"types": ["add"]})).json() for _ in range(3)]
    assert [(len(told["items"]), told["more"]) for told in left] == [(1_000, True), (1, False), (0, False)]
