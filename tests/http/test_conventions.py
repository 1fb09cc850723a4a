"""The conventions of HTTP: what is accepted, waited for, cached, paged, repeated and refused, and how."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from fastapi import Depends

from bide import Job
from bide.http import Accept, accepting
from tests.http.server import serving
from tests.http.shop import Shop

NOBODYS = "01999f5e-3c1a-7b2d-9a4e-5f6071829304"
"""The id of no job."""


@pytest.fixture
async def shop(database: str) -> Shop:
    return Shop(database)


@pytest.fixture
async def ann(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers={"X-Who": "ann"}, timeout=30) as client,
    ):
        yield client


def new(type: str, **input: Any) -> dict[str, Any]:
    return {"type": type, "input": input}


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    assert told["code"] == code
    assert told["detail"] == told["message"]
    assert {"type", "title", "hint", "retryable"} <= told.keys()
    if code.startswith("invalid_"):
        assert all(flaw.keys() == {"where", "path", "message"} for flaw in told["errors"])
        assert told["errors"]
    return told


async def test_no_cache_shares_an_answer_and_no_browser_takes_it_for_something_else(ann: httpx.AsyncClient) -> None:
    job = (await ann.post("jobs", json=new("add", a=1, b=2))).json()["id"]
    answers = [
        await ann.get(f"jobs/{job}"),
        await ann.get("jobs"),
        await ann.get("health"),
        await ann.post("jobs", json=new("nothing")),
        await ann.put(f"jobs/{job}"),
        await ann.get(f"jobs/{uuid4()}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 405, 404]
    for answer in answers:
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
    async with ann.stream("GET", "events") as stream:
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-content-type-options"] == "nosniff"


# ── Creating ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_job_is_accepted_with_its_address(ann: httpx.AsyncClient) -> None:
    response = await ann.post("jobs", json=new("add", a=1, b=2))
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/api/jobs/{job['id']}"
    assert response.headers["retry-after"] == "1"
    assert job["owner"] == "ann"
    there = await ann.get(response.url.join(response.headers["location"]))
    assert there.json()["id"] == job["id"]


async def test_who_prefers_to_wait_gets_the_result(ann: httpx.AsyncClient) -> None:
    response = await ann.post("jobs", json=new("add", a=1, b=2), headers={"Prefer": "respond-async, wait=30"})
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=30"
    assert response.json()["result"] == 3
    assert "retry-after" not in response.headers
    response = await ann.post("jobs", json=new("hold"), headers={"Prefer": "wait=0"})
    assert response.status_code == 202


async def test_the_same_key_is_the_same_job_and_another_body_is_refused(ann: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await ann.post("jobs", json=new("add", a=1), headers=key)
    second = await ann.post("jobs", json=new("add", a=1), headers=key)
    assert first.json()["id"] == second.json()["id"]
    clash = await ann.post("jobs", json=new("add", a=2), headers=key)
    assert assert_problem(clash, 422, "idempotency_conflict")["job_id"] == first.json()["id"]
    # A key is its owner's: another's is another job.
    bob = await ann.post("jobs", json=new("add", a=2), headers={**key, "X-Who": "bob"})
    assert bob.status_code == 202


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        (new("nothing"), "unknown_job_type", None),
        (new("internal"), "unknown_job_type", None),
        (new("add"), "invalid_arguments", None),
        (new("add", a=1, c=2), "invalid_arguments", None),
        (new("add", a="one"), "invalid_payload", "a"),
        ({"type": "add", "input": {"a": 1}, "prio": 1}, "invalid_request", "/prio"),
        ({"type": "add", "input": {"a": 1}, "priority": 101}, "invalid_request", "/priority"),
        ({"type": "add", "input": {"a": 1}, "delay": "soon"}, "invalid_duration", "/delay"),
        ({"type": "add", "input": {"a": 1}, "labels": {"no spaces": "x"}}, "invalid_option", "/labels"),
        ({"type": "add", "input": {"a": 1}, "queue": "\n"}, "invalid_option", "/queue"),
        ({"type": "add", "input": {"a": 1}, "idempotency_key": "\0"}, "invalid_option", "/idempotency_key"),
        ({"input": {}}, "invalid_request", "/type"),
        ([], "invalid_request", ""),
    ],
)
async def test_what_cannot_be_a_job_is_refused_with_its_place(
    shop: Shop, ann: httpx.AsyncClient, body: Any, code: str, where: str | None
) -> None:
    told = assert_problem(await ann.post("jobs", json=body), 422, code)
    if where is not None:
        assert where in told["errors"][0]["path"]
    assert not await shop.bide.list()


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("jobs", {"type": "add", "input": {"a": 1}, "delay": False}, "/delay"),
        ("jobs/batch", {"jobs": [new("add", a=1), {"type": "add", "delay": True}]}, "/jobs/1/delay"),
        ("jobs", {"type": "add", "input": {"a": 1}, "priority": "5"}, "/priority"),
        ("jobs/cancel", {"types": ["add"] * 51}, "/types"),
        ("jobs/cancel", {"labels": {f"l{n}": "x" for n in range(17)}}, "/labels"),
        (f"jobs/{NOBODYS}/fork", {"after": True}, "/after"),
    ],
)
async def test_nothing_is_taken_for_what_it_is_not(
    ann: httpx.AsyncClient, path: str, body: dict[str, Any], where: str
) -> None:
    told = assert_problem(await ann.post(path, json=body), 422, "invalid_request")
    assert told["errors"][0]["path"] == where


async def test_a_year_is_no_moment(ann: httpx.AsyncClient) -> None:
    for text in ("2026", "0.5", "NaN", "-1e3"):
        assert_problem(await ann.get("jobs", params={"created_after": text}), 422, "invalid_request")
    assert (await ann.get("jobs", params={"created_after": "2026-01-31T12:00:00Z"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "jobs", "GET, HEAD, POST"),
        ("OPTIONS", f"jobs/{NOBODYS}", "DELETE, GET, HEAD"),
        ("GET", f"jobs/{NOBODYS}/cancel", "PATCH, POST"),
        ("POST", "events", "GET"),
    ],
)
async def test_another_method_is_refused_with_all_that_are_allowed(
    ann: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    response = await ann.request(method, path)
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    "text", ["", "{", '{"type": NaN}', '{"type": "add", "input": {"a": 1e999}}', "\x00", '"\ud800"']
)
async def test_what_is_not_json_is_refused(ann: httpx.AsyncClient, text: str) -> None:
    sent = text.encode("utf-8", "surrogatepass")
    response = await ann.post("jobs", content=sent, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_deep_and_long_bodies_are_refused(ann: httpx.AsyncClient) -> None:
    json = {"Content-Type": "application/json"}
    deep = b'{"type":"add","input":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    response = await ann.post("jobs", content=deep, headers=json)
    assert response.status_code == 422
    long = b'{"type":"add","input":{"a":"' + b"x" * (1024 * 1024) + b'"}}'
    assert_problem(await ann.post("jobs", content=long, headers=json), 413, "too_large")

    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(40):
            yield b"x" * 64 * 1024

    assert_problem(await ann.post("jobs", content=chunks(), headers=json), 413, "too_large")


async def test_a_form_or_plain_text_is_no_json(ann: httpx.AsyncClient) -> None:
    """A page elsewhere may post them without asking first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = await ann.post("jobs", content=b'{"type":"add"}', headers={"Content-Type": kind})
        assert_problem(response, 415, "unsupported_media_type")


async def test_a_batch_has_an_outcome_for_each(ann: httpx.AsyncClient) -> None:
    jobs = [
        new("add", a=1),
        new("nothing"),
        {**new("add", a=2), "idempotency_key": "k"},
        {**new("add", a=3), "idempotency_key": "k"},
    ]
    response = await ann.post("jobs/batch", json={"jobs": jobs})
    assert response.status_code == 200
    items = response.json()["items"]
    assert [item["status"] for item in items] == [202, 422, 202, 422]
    assert items[0]["job"]["type"] == "add"
    assert items[1]["problem"]["code"] == "unknown_job_type"
    assert items[3]["problem"]["code"] == "idempotency_conflict"
    assert_problem(await ann.post("jobs/batch", json={"jobs": [new("add", a=1)] * 201}), 413, "too_large")


async def test_the_host_s_own_endpoint_answers_as_ours(shop: Shop) -> None:
    accepts = Depends(accepting(shop.bide))

    async def create(a: int, accept: Accept = accepts) -> Job[int]:
        return await accept(await shop.add.options(owner="ann").enqueue(a))

    shop.app.add_api_route("/sums", create, methods=["POST"], status_code=202)
    async with serving(shop.app) as address, httpx.AsyncClient(base_url=address) as client:
        response = await client.post("/sums?a=1")
        assert response.status_code == 202
        assert response.headers["location"] == f"/api/jobs/{response.json()['id']}"
        assert response.headers["retry-after"] == "1"
        waited = await client.post("/sums?a=2", headers={"Prefer": "wait=30"})
        assert waited.status_code == 200
        assert waited.json()["result"] == 2
        # Its own errors stay its own.
        odd = await client.post("/sums?a=x")
        assert odd.status_code == 422
        assert "detail" in odd.json()
        assert odd.headers["content-type"] == "application/json"


async def test_a_job_without_an_owner_is_told_of(
    shop: Shop, ann: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await ann.post("jobs", json=new("add", a=1), headers={"X-Who": "admin"})
    assert response.json()["owner"] == ""
    assert "without an owner" in caplog.text
    assert (await ann.get(f"jobs/{response.json()['id']}")).status_code == 404
    caplog.clear()
    for_bob = await ann.post("jobs", json={**new("add", a=1), "owner": "bob"}, headers={"X-Who": "admin"})
    assert for_bob.json()["owner"] == "bob"
    assert "without an owner" not in caplog.text
    assert_problem(await ann.post("jobs", json={**new("add", a=1), "owner": "bob"}), 403, "forbidden")


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unchanged_job_is_not_sent_again(shop: Shop, ann: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    first = await ann.get(f"jobs/{job.id}")
    while first.json()["status"] != "running":
        first = await ann.get(f"jobs/{job.id}")
    tag = first.headers["etag"]
    assert re.fullmatch(r'"[^"]+"', tag)
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await ann.get(f"jobs/{job.id}", headers={"If-None-Match": known})
        assert again.status_code == 304
        assert not again.content
        assert again.headers["etag"] == tag
    # What an administrator sees is another body, and so another tag.
    assert (await ann.get(f"jobs/{job.id}", headers={"X-Who": "admin"})).headers["etag"] != tag
    shop.gate.set()
    changed = await ann.get(f"jobs/{job.id}?wait=30", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_read_that_waits_ends_when_the_job_changes_or_the_time_is_over(
    shop: Shop, ann: httpx.AsyncClient
) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    async for event in shop.bide.events(job):
        if event.kind == "job.started":
            break
    waiting = asyncio.create_task(ann.get(f"jobs/{job.id}?wait=30"))
    still = await ann.get(f"jobs/{job.id}?wait=0.05")
    assert still.json()["status"] == "running"
    assert not waiting.done()
    shop.gate.set()
    assert (await waiting).json()["status"] == "completed"
    assert (await ann.get(f"jobs/{job.id}?wait=30")).json()["status"] == "completed"
    assert_problem(await ann.get(f"jobs/{job.id}?wait=61"), 422, "invalid_request")


async def test_pages_follow_each_other_without_gap_or_repetition(shop: Shop, ann: httpx.AsyncClient) -> None:
    jobs = [await shop.add.options(owner="ann").enqueue(n) for n in range(25)]
    seen: list[str] = []
    address: str | None = "jobs?limit=10&type=add"
    while address:
        response = await ann.get(address)
        page = response.json()
        seen += [job["id"] for job in page["items"]]
        # Jobs that come meanwhile are newer than all of these.
        await shop.add.options(owner="ann").enqueue(0)
        if page["next_cursor"] is None:
            assert "link" not in response.headers
            address = None
        else:
            found = re.fullmatch(r'<(.+)>; rel="next"', response.headers["link"])
            assert found is not None
            address = str(response.url.join(found[1]))
            assert page["next_cursor"] in address
    assert seen == [str(job.id) for job in reversed(jobs)]


async def test_a_cursor_of_another_list_is_refused(shop: Shop, ann: httpx.AsyncClient) -> None:
    for n in range(3):
        await shop.add.options(owner="ann").enqueue(n)
    cursor = (await ann.get("jobs?limit=1")).json()["next_cursor"]
    assert (await ann.get(f"jobs?limit=2&cursor={cursor}")).status_code == 200
    for odd in (f"type=add&cursor={cursor}", "cursor=x", "cursor=%00", f"cursor={cursor}x"):
        told = assert_problem(await ann.get(f"jobs?{odd}"), 422, "invalid_option")
        assert [(flaw["where"], flaw["path"]) for flaw in told["errors"]] == [("query", "cursor")]


async def test_an_option_of_one_job_of_many_is_refused_with_its_place(ann: httpx.AsyncClient) -> None:
    odd = {"type": "add", "input": {"a": 1}, "delay": "soon"}
    told = (await ann.post("jobs/batch", json={"jobs": [new("add", a=1), odd]})).json()["items"]
    assert [item["status"] for item in told] == [202, 422]
    assert [flaw["path"] for flaw in told[1]["problem"]["errors"]] == ["/jobs/1/delay"]


async def test_lists_are_filtered(shop: Shop, ann: httpx.AsyncClient) -> None:
    one = await shop.add.options(owner="ann", labels={"project": "p1", "kind": "x"}).enqueue(1)
    two = await shop.add.options(owner="ann", labels={"project": "p2"}, queue="other").enqueue(2)
    three = await shop.hold.options(owner="ann").enqueue()
    await shop.add.options(owner="bob", labels={"project": "p1"}).enqueue(3)
    await shop.bide.result(one)

    async def listed(query: str, who: str = "ann") -> set[str]:
        response = await ann.get(f"jobs?{query}", headers={"X-Who": who})
        assert response.status_code == 200, response.text
        return {job["id"] for job in response.json()["items"]}

    ids = {str(job.id) for job in (one, two, three)}
    assert await listed("") == ids
    assert await listed("label=project%3Dp1") == {str(one.id)}
    assert await listed("label=project%3Dp1&label=kind%3Dy") == set()
    assert await listed("queue=other") == {str(two.id)}
    assert await listed("type=hold&type=nothing") == {str(three.id)}
    assert await listed("status=completed&type=add&queue=default") == {str(one.id)}
    assert await listed("owner=ann", "admin") == ids
    assert len(await listed("", "admin")) == 4
    assert_problem(await ann.get("jobs?owner=bob"), 403, "forbidden")
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat().replace("+", "%2B")
    assert await listed(f"created_after={past}") == ids
    assert await listed(f"created_before={past}") == set()
    assert_problem(await ann.get("jobs?created_after=2026-01-01T00:00:00"), 422, "invalid_request")
    told = assert_problem(await ann.get("jobs?label=p1"), 422, "invalid_option")
    assert [(flaw["where"], flaw["path"]) for flaw in told["errors"]] == [("query", "label")]


async def test_history_comes_in_pages(shop: Shop, ann: httpx.AsyncClient) -> None:
    job = await shop.stages.options(owner="ann").enqueue(7)
    await shop.bide.result(job)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = (await ann.get(f"jobs/{job.id}/history?after={after}&limit=4")).json()
        seen += [event["seq"] for event in page["items"]]
        after = page["next_after"]
    assert seen == [event.seq for event in await shop.bide.history(job)]


async def test_tracebacks_are_for_administrators(shop: Shop, ann: httpx.AsyncClient) -> None:
    job = await shop.fail.options(owner="ann").enqueue("it broke")
    await shop.bide.store.history(str(job.id), None, 0, 1)
    async for _ in shop.bide.events(job):
        pass
    told = (await ann.get(f"jobs/{job.id}")).json()["error"]
    assert told == {"type": "ValueError", "message": "it broke", "traceback": None}
    for path in (f"jobs/{job.id}", "jobs", f"jobs/{job.id}/history", f"jobs/{job.id}/events?after=0"):
        assert "Traceback" not in (await ann.get(path)).text, path
    for path in (f"jobs/{job.id}", "jobs"):
        assert "Traceback" in (await ann.get(path, headers={"X-Who": "admin"})).text, path


# ── Changing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_job_is_cancelled_and_the_history_says_by_whom(shop: Shop, ann: httpx.AsyncClient) -> None:
    waiting = await shop.hold.options(owner="ann", delay="1h").enqueue()
    response = await ann.post(f"jobs/{waiting.id}/cancel", json={"reason": "a mistake"})
    assert response.status_code == 200
    assert response.json()["status"] == "cancelled"
    (told,) = [event for event in await shop.bide.history(waiting) if event.kind == "job.cancelled"]
    assert told.data == {"by": "ann", "reason": "a mistake"}
    assert (await ann.patch(f"jobs/{waiting.id}/cancel")).status_code == 200
    done = await shop.add.options(owner="ann").enqueue(1)
    await shop.bide.result(done)
    assert_problem(await ann.post(f"jobs/{done.id}/cancel"), 409, "already_finished")
    assert_problem(await ann.post(f"jobs/{uuid4()}/cancel"), 404, "not_found")


async def test_many_jobs_are_cancelled_by_name_or_by_what_they_are(shop: Shop, ann: httpx.AsyncClient) -> None:
    mine = [await shop.hold.options(owner="ann", delay="1h", labels={"p": "1"}).enqueue() for _ in range(5)]
    other = await shop.hold.options(owner="bob", delay="1h", labels={"p": "1"}).enqueue()
    told = await ann.post("jobs/cancel", json={"ids": [str(mine[0].id), str(other.id), str(uuid4())]})
    assert [item["status"] for item in told.json()["items"]] == [200, 404, 404]
    told = await ann.post("jobs/cancel", json={"labels": {"p": "1"}, "reason": "all of it"})
    assert {item["job"]["id"] for item in told.json()["items"]} == {str(job.id) for job in mine[1:]}
    assert (await shop.bide.get(other)).status == "pending"
    for odd in ({}, {"ids": [], "types": ["hold"]}):
        assert_problem(await ann.post("jobs/cancel", json=odd), 422, "invalid_option")


async def test_a_finished_job_is_deleted_by_an_administrator(shop: Shop, ann: httpx.AsyncClient) -> None:
    admin = {"X-Who": "admin"}
    job = await shop.add.options(owner="ann").enqueue(1)
    await shop.bide.result(job)
    held = await shop.hold.options(owner="ann").enqueue()
    assert_problem(await ann.delete(f"jobs/{held.id}", headers=admin), 409, "not_finished")
    assert (await ann.delete(f"jobs/{job.id}", headers=admin)).status_code == 204
    assert_problem(await ann.get(f"jobs/{job.id}"), 404, "not_found")


async def test_a_retry_and_a_fork_are_new_jobs_that_keep_what_was_done(shop: Shop, ann: httpx.AsyncClient) -> None:
    job = await shop.stages.options(owner="ann").enqueue(3)
    assert_problem(
        await ann.post(f"jobs/{(await shop.hold.options(owner='ann').enqueue()).id}/retry"), 409, "not_finished"
    )
    await shop.bide.result(job)
    shop.calls.clear()
    again = await ann.post(f"jobs/{job.id}/retry", headers={"Prefer": "wait=30"})
    assert again.status_code == 200
    assert again.json()["forked_from"] == str(job.id)
    assert shop.calls == []
    forked = await ann.post(f"jobs/{job.id}/fork", json={"after": 3}, headers={"Prefer": "wait=30"})
    assert forked.json()["result"] == 3
    assert shop.calls
    first = shop.calls.copy()
    scratch = await ann.post(f"jobs/{job.id}/fork", json={"after": 0}, headers={"Prefer": "wait=30"})
    assert scratch.json()["result"] == 3
    assert shop.calls[len(first) :] == ["stage 0", "stage 1", "stage 2"]
    key = {"Idempotency-Key": "again"}
    one, two = [await ann.post(f"jobs/{job.id}/retry", headers=key) for _ in range(2)]
    assert one.json()["id"] == two.json()["id"]


# ── Operating ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_cleanup_counts_and_deletes_only_what_is_old(shop: Shop, ann: httpx.AsyncClient) -> None:
    admin = {"X-Who": "admin"}
    job = await shop.add.options(owner="ann").enqueue(1)
    await shop.bide.result(job)
    stats = (await ann.get("cleanup/stats", headers=admin)).json()
    assert stats["by_status"]["completed"] == 1
    assert stats["cleanable"] == {"7d": 0, "30d": 0}
    for odd in ("-1d", -1, "soon"):
        assert (await ann.post("cleanup", json={"older_than": odd}, headers=admin)).status_code == 422
    kept = await ann.post("cleanup", json={"older_than": "7d"}, headers=admin)
    assert kept.json() == {"deleted": 0, "dry_run": False}
    counted: dict[str, Any] = {}
    while counted.get("deleted") != 1:
        told = await ann.post("cleanup", json={"older_than": 0.001, "dry_run": True}, headers=admin)
        counted = told.json()
    assert counted == {"deleted": 1, "dry_run": True}
    gone = await ann.post("cleanup", json={"older_than": "1ms", "statuses": ["completed"]}, headers=admin)
    assert gone.json() == {"deleted": 1, "dry_run": False}
    assert_problem(await ann.get(f"jobs/{job.id}"), 404, "not_found")


async def test_stats_count_what_may_be_seen(shop: Shop, ann: httpx.AsyncClient) -> None:
    await shop.hold.options(owner="ann", delay="1h").enqueue()
    await shop.hold.options(owner="bob", delay="1h").enqueue()
    assert (await ann.get("stats")).json()["by_status"]["pending"] == 1
    assert (await ann.get("stats", headers={"X-Who": "admin"})).json()["by_status"]["pending"] == 2


async def test_job_types_tell_what_they_take(ann: httpx.AsyncClient) -> None:
    types = {known["name"]: known for known in (await ann.get("job-types")).json()["items"]}
    assert "internal" not in types
    assert types["add"]["description"] == "Adds two numbers."
    assert types["add"]["input"]["required"] == ["a"]
    assert types["add"]["input"]["additionalProperties"] is False
    assert types["deliver"]["result"] == {"type": "string"}


async def test_health_and_readiness_are_open(shop: Shop, ann: httpx.AsyncClient) -> None:
    assert (await ann.get("health", headers={"X-Who": ""})).json()["status"] == "ok"
    assert (await ann.get("ready", headers={"X-Who": ""})).json() == {"status": "ready"}


async def test_an_unexpected_error_is_a_problem_that_tells_nothing(
    shop: Shop, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(shop.bide, "stats", broken)
    told = assert_problem(await ann.get("stats"), 500, "internal")
    assert "hunter2" not in orjson.dumps(told).decode()
    assert "hunter2" in caplog.text
