"""Every route for every identity, made from the router's own list: one that is new and not in the table here is red."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import websockets
from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute
from websockets.exceptions import InvalidStatus

from bide import Job
from bide.http import Right, job_token
from tests.http.server import serving
from tests.http.shop import PEOPLE, Shop

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True)
class Case:
    """What a route takes: the right, whose thing it touches, and a body with which it does its work."""

    right: Right | None
    touches: str = "job"
    """`job` and `prompt`: one of ann's. `all`: a list, or stream, of what may be seen. `none`: nobody's."""
    body: Any = None
    tokens: frozenset[str] = field(default_factory=frozenset[str])
    """Rights by which a job token opens it."""
    status: int = 200
    """Of the answer to who is let in, about a job that waits for an answer."""


def _by_token(right: Right, body: Any = None, touches: str = "job") -> Case:
    return Case(right, touches, body, frozenset({right}))


CASES: dict[tuple[str, str], Case] = {
    ("POST", "/jobs"): Case("create", "none", {"type": "add", "input": {"a": 1}}, status=202),
    ("GET", "/jobs"): Case("view", "all"),
    ("POST", "/jobs/batch"): Case("create", "none", {"jobs": [{"type": "add", "input": {"a": 1}}]}),
    ("POST", "/jobs/cancel"): Case("cancel", "bulk"),
    ("GET", "/jobs/{job_id}"): _by_token("view"),
    ("DELETE", "/jobs/{job_id}"): Case("admin", status=409),
    ("POST", "/jobs/{job_id}/cancel"): _by_token("cancel", {}),
    ("PATCH", "/jobs/{job_id}/cancel"): _by_token("cancel", {}),
    ("POST", "/jobs/{job_id}/retry"): Case("create", status=409),
    ("POST", "/jobs/{job_id}/fork"): Case("create", body={"after": 0}, status=202),
    ("GET", "/jobs/{job_id}/history"): _by_token("view"),
    ("GET", "/jobs/{job_id}/events"): _by_token("view"),
    ("GET", "/events"): Case("view", "all"),
    ("WS", "/jobs/{job_id}/ws"): Case("view"),
    ("WS", "/jobs/{job_id}/ws/token"): Case("view", tokens=frozenset({"view"})),
    ("GET", "/jobs/{job_id}/prompts"): _by_token("view"),
    ("GET", "/prompts"): Case("view", "all"),
    ("GET", "/prompts/{prompt_id}"): _by_token("view", touches="prompt"),
    ("POST", "/prompts/{prompt_id}/response"): _by_token("answer", {"action": "proceed"}, "prompt"),
    ("GET", "/hitl/{job_id}/prompt"): _by_token("view"),
    ("POST", "/hitl/{job_id}/response"): _by_token("answer", {"action": "proceed"}),
    ("GET", "/job-types"): Case("create", "none"),
    ("GET", "/stats"): Case("view", "all"),
    ("GET", "/cleanup/stats"): Case("admin", "all"),
    ("POST", "/cleanup"): Case("admin", "none", {"older_than": "30d"}),
    ("GET", "/health"): Case(None, "none"),
    ("GET", "/ready"): Case(None, "none"),
}


def operations(router: APIRouter) -> list[tuple[str, str]]:
    """All that a router answers, hidden routes included."""
    found: list[tuple[str, str]] = []
    for route in router.routes:
        match route:
            case APIRoute():
                found += [(method, route.path) for method in sorted(route.methods or ())]
            case APIWebSocketRoute():
                found.append(("WS", route.path))
            case _:
                raise AssertionError(f"{route!r} is of a kind that these tests do not know")
    return list(dict.fromkeys(found))


def case_of(method: str, path: str) -> Case:
    try:
        return CASES["GET" if method == "HEAD" else method, path]
    except KeyError:
        raise AssertionError(f"{method} {path} is in no table of rights: say who may use it") from None


@pytest.fixture
async def shop(database: str) -> Shop:
    return Shop(database)


@pytest.fixture
async def address(shop: Shop) -> AsyncGenerator[str]:
    async with serving(shop.app) as address:
        yield f"{address}/api"


async def asked(shop: Shop, owner: str = "ann") -> tuple[Job[Any], str]:
    """A job that waits for an answer, and the id of its question, which was shown."""
    job = await shop.enquire.options(owner=owner).enqueue()
    async for event in shop.bide.events(job):
        if event.kind == "job.waiting":
            break
    (prompt,) = await shop.bide.show_prompts(job)
    return job, str(prompt.id)


ANSWER = {"street": "Elm", "number": 7}


async def request(
    client: httpx.AsyncClient, method: str, path: str, case: Case, job: Job[Any], prompt: str, headers: dict[str, str]
) -> tuple[int, str]:
    """The status, and what was seen of the body; for a stream, until the first event."""
    path = path.format(job_id=job.id, prompt_id=prompt)
    body = ANSWER if case.right == "answer" else {"ids": [str(job.id)]} if case.touches == "bulk" else case.body
    if method == "WS":
        return await _shake_hands(f"{client.base_url}".rstrip("/").replace("http", "ws", 1) + path, headers)
    async with client.stream(method, path.lstrip("/"), json=body, headers=headers) as response:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            return response.status_code, (await response.aread()).decode()
        seen = ""
        async for text in response.aiter_text():
            seen += text
            if "event: snapshot" in seen and seen.endswith("\n\n"):
                break
        return response.status_code, seen


async def _shake_hands(address: str, headers: dict[str, str]) -> tuple[int, str]:
    try:
        async with websockets.connect(address, additional_headers=headers) as socket:
            first = str(await socket.recv())
            found = re.search(r'"status":(\d{3})', first) if '"problem"' in first else None
            return int(found[1]) if found else 200, first
    except InvalidStatus as refused:
        return refused.response.status_code, ""


def expected(method: str, path: str, case: Case, who: str | None) -> int:
    """The status with which this identity is answered."""
    if case.right is None:
        return 200
    # What is for job tokens asks nobody who they are.
    if who is None or (method == "WS" and path.endswith("/token")):
        return 401
    rights, owner = PEOPLE[who]
    if case.right not in rights and "admin" not in rights:
        return 403
    if case.touches in {"job", "prompt"} and owner not in {"ann", None}:
        return 404
    return case.status


async def state(shop: Shop, job: Job[Any]) -> tuple[int, list[str]]:
    """What whoever is refused leaves as it was: the number of the last event, and the open questions."""
    return (await shop.bide.get(job)).seq, [str(prompt.id) for prompt in await shop.bide.prompts(job)]


@pytest.mark.parametrize("who", [None, *PEOPLE])
async def test_every_route_lets_in_whom_it_should(shop: Shop, address: str, who: str | None) -> None:
    headers = {} if who is None else {"X-Who": who}
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        for method, path in operations(shop.router):
            case = case_of(method, path)
            job, prompt = await asked(shop)
            before = await state(shop, job)
            status, seen = await request(client, method, path, case, job, prompt, headers)
            assert status == expected(method, path, case, who), f"{method} {path} as {who}: {status} {seen}"
            if who == "bob" and case.touches in {"all", "bulk"}:
                assert str(job.id) not in seen.replace(f"Job {job.id} not found", ""), f"{method} {path}: {seen}"
                assert prompt not in seen
            if status in {401, 403, 404} or who == "bob":
                assert await state(shop, job) == before, f"{method} {path} as {who} has changed it: {status} {seen}"
            if status >= 400 and method not in {"HEAD", "WS"}:
                assert '"code"' in seen, f"{method} {path}: {seen}"


@pytest.mark.parametrize("rights", [("view",), ("answer",), ("cancel",), ("view", "answer", "cancel")])
async def test_a_job_token_opens_its_job_and_no_other(shop: Shop, address: str, rights: Sequence[Right]) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        for method, path in operations(shop.router):
            case = case_of(method, path)
            if case.right is None:
                continue
            job, prompt = await asked(shop)
            other, other_prompt = await asked(shop)
            before, other_before = await state(shop, job), await state(shop, other)
            token = job_token(shop.bide, job, rights=rights)
            headers = {"Authorization": f"Bearer {token}"}
            own, seen = await request(client, method, path, case, job, prompt, headers)
            opens = case.right in rights
            # What is not for such tokens asks `authorize`, which knows of none.
            wanted = 401 if not case.tokens else case.status if opens else 403
            assert own == wanted, f"{method} {path} with {rights}: {own} {seen}"
            if own in {401, 403}:
                assert await state(shop, job) == before, f"{method} {path} with {rights} has changed it"
            if case.tokens:
                foreign, seen = await request(client, method, path, case, other, other_prompt, headers)
                assert foreign == (404 if opens else 403), f"{method} {path} of another job: {foreign} {seen}"
            assert await state(shop, other) == other_before, f"{method} {path} with {rights} has changed another job"


async def test_who_answered_is_who_was_let_in_and_never_what_the_body_says(shop: Shop, address: str) -> None:
    job, prompt = await asked(shop)
    async with httpx.AsyncClient(base_url=address, headers={"X-Who": "answerer"}) as client:
        told = await client.post(f"prompts/{prompt}/response", json={**ANSWER, "by": "somebody else"})
        assert told.status_code in {200, 422}
        if told.status_code == 422:
            told = await client.post(f"prompts/{prompt}/response", json=ANSWER)
        assert told.json()["by"] == "answerer"
    (answered,) = await shop.bide.prompts(job, open_only=False)
    assert answered.answer is not None
    assert answered.answer.by == "answerer"


async def test_a_route_without_a_guard_lets_nobody_in_and_is_found_here(shop: Shop) -> None:
    from bide.http import operations as endpoints

    shop.router.add_api_route("/leak", endpoints.get_stats, methods=["GET"])
    unknown = [operation for operation in operations(shop.router) if operation not in CASES and operation[0] != "HEAD"]
    assert unknown == [("GET", "/leak")]
    with pytest.raises(AssertionError, match="GET /leak is in no table of rights"):
        case_of("GET", "/leak")
    # And it is no hole: what knows of nobody lets nobody in.
    async with serving(shop.app) as address, httpx.AsyncClient(base_url=address, headers={"X-Who": "admin"}) as client:
        assert (await client.get("/api/leak")).status_code == 500


def test_every_operation_in_the_document_says_what_right_it_takes(shop: Shop) -> None:
    for route in _api_routes(shop.router.routes):
        if not route.include_in_schema:
            continue
        for method in route.methods or ():
            said = (route.openapi_extra or {}).get("x-bide-right")
            assert said == case_of(method, route.path).right, f"{method} {route.path}"


def _api_routes(routes: Iterable[BaseRoute]) -> Iterable[APIRoute]:
    return (route for route in routes if isinstance(route, APIRoute))
