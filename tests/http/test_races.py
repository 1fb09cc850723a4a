"""Fifty people answer one question at once: one is accepted, and each of the others is told what was recorded."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import orjson
import pytest

from bench.wire import Connection, close, request
from bide import Confirm, JobContext
from bide.http import Limits
from tests.http.server import serving
from tests.http.shop import Shop
from tests.http.test_identities import asked

RACES = 200
ANSWERERS = 50


@pytest.mark.timeout(300)
async def test_one_answer_is_accepted_and_the_others_are_told_which(database: str, share: int) -> None:
    shop = Shop(database, limits=Limits(requests=1_000_000))
    async with serving(shop.app, timeout_keep_alive=3_600) as address:
        port = int(address.rpartition(":")[2])
        people = [(who, await Connection.open(port)) for who in ("answerer", "ann") * (ANSWERERS // 2)]

        async def answer(path: str, n: int, who: str, connection: Connection) -> tuple[int, Any]:
            sent = request("POST", f"/api/{path}", {"street": f"street {n}", "number": n}, X_Who=who)
            status, _, body = await connection.send(sent)
            return status, orjson.loads(body)

        for race in range(RACES // share):
            job, prompt = await asked(shop)
            path = f"prompts/{prompt}/response" if race % 2 else f"hitl/{job.id}/response"
            told = await asyncio.gather(*(answer(path, n, *person) for n, person in enumerate(people)))
            assert Counter(status for status, _ in told) == {200: 1, 409: ANSWERERS - 1}
            (receipt,) = [body for status, body in told if status == 200]
            for status, body in told:
                if status == 409:
                    assert body["code"] == "prompt_closed"
                    assert body["reason"] == "answered"
                    assert body["response"] == receipt["value"]
                    assert body["by"] == receipt["by"]
            result = await shop.bide.result(job)
            assert result is not None
            assert result.model_dump() == receipt["value"]
        await close([connection for _, connection in people])


async def test_the_same_response_sent_again_gets_the_same_receipt(database: str) -> None:
    shop = Shop(database)
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers={"X-Who": "ann"}) as client,
    ):
        body = {"street": "Elm", "number": 7}
        key = {"Idempotency-Key": "press-1"}
        for by_job in (False, True):
            job, prompt = await asked(shop)
            path = f"hitl/{job.id}/response" if by_job else f"prompts/{prompt}/response"
            first = await client.post(path, json=body, headers=key)
            again = await client.post(path, json=body, headers=key)
            assert first.status_code == again.status_code == 200, (first.text, again.text)
            assert first.json() == again.json()
            bare = await client.post(path, json=body)
            assert bare.status_code == 409


async def test_an_answer_without_an_id_counts_only_for_what_was_shown(database: str) -> None:
    shop = Shop(database)
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers={"X-Who": "ann"}) as client,
    ):
        job = await shop.enquire.options(owner="ann").enqueue()
        async for event in shop.bide.events(job):
            if event.kind == "job.waiting":
                break
        body = {"street": "Elm", "number": 7}
        early = await client.post(f"hitl/{job.id}/response", json=body)
        assert early.status_code == 409
        assert early.json()["code"] == "prompt_not_served"
        # Who may only look is no proof that somebody saw it who may answer.
        await client.get(f"hitl/{job.id}/prompt", headers={"X-Who": "viewer"})
        assert (await client.post(f"hitl/{job.id}/response", json=body)).status_code == 409
        shown = (await client.get(f"hitl/{job.id}/prompt")).json()
        assert shown["open"] == [shown["prompt"]["id"]]
        odd = await client.post(f"hitl/{job.id}/response", json={"street": 1})
        assert odd.status_code == 422
        assert {flaw["path"] for flaw in odd.json()["errors"]} == {"/number", "/street"}
        wrong = await client.post(f"hitl/{job.id}/response", json={**body, "prompt_id": str(job.id)})
        assert wrong.status_code == 404
        right = await client.post(f"hitl/{job.id}/response", json={**body, "prompt_id": shown["prompt"]["id"]})
        assert right.status_code == 200
        assert (await client.get(f"hitl/{job.id}/prompt")).json()["prompt"] is None


async def test_an_answer_without_an_id_needs_a_single_question(database: str) -> None:
    shop = Shop(database)

    @shop.bide.job
    async def both(ctx: JobContext[Any]) -> list[str]:
        asked = [ctx.ask(key, Confirm(summary=f"The {key} one?")) for key in ("first", "second")]
        return [answer.action for answer in await asyncio.gather(*asked)]

    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers={"X-Who": "ann"}) as client,
    ):
        job = await both.options(owner="ann").enqueue()
        async for event in shop.bide.events(job):
            if event.kind == "job.waiting":
                break
        shown = (await client.get(f"hitl/{job.id}/prompt")).json()
        first, second = shown["open"]
        assert shown["prompt"]["id"] == first
        refused = await client.post(f"hitl/{job.id}/response", json={"action": "proceed"})
        assert (refused.status_code, refused.json()["code"]) == (409, "prompt_ambiguous")
        assert first in refused.json()["hint"]
        assert second in refused.json()["hint"]
        for prompt in (second, first):
            answer = {"action": "proceed", "prompt_id": prompt}
            assert (await client.post(f"hitl/{job.id}/response", json=answer)).status_code == 200
        assert await shop.bide.result(job) == ["proceed", "proceed"]
