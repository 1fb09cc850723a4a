"""Whatever is sent to any operation of the document: no 5xx, and no answer that the document does not tell of."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks as all_checks

from bide.http import Limits
from tests.http.server import serving
from tests.http.shop import Shop
from tests.http.test_identities import asked

EXAMPLES = 40
"""Requests for each operation."""

POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE

checks: Any = all_checks

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]

WHO = [None, "ann", "bob", "viewer", "answerer", "admin"]

STREAMS = {"/api/events", "/api/jobs/{job_id}/events"}
"""What does not end by itself: only the head of the answer is looked at."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, list[str], list[str]]]:
    """The address of a server in a thread, and ids of jobs and questions that are there."""
    shop = Shop(tmp_path_factory.mktemp("schema") / "shop.db", limits=Limits(requests=1_000_000))
    told: list[tuple[str, list[str], list[str]]] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(shop.app) as address:
            jobs: list[str] = []
            prompts: list[str] = []
            for _ in range(3):
                job, prompt = await asked(shop)
                jobs.append(str(job.id))
                prompts.append(prompt)
            done = await shop.add.options(owner="ann").enqueue(1)
            await shop.bide.result(done)
            told.append((address, [*jobs, str(done.id)], prompts))
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield told[0]
    finally:
        stop.set()
        thread.join()


def cases() -> list[Any]:
    """Each operation of the document, sent what fits it, and what does not where it takes anything at all."""
    with TemporaryDirectory() as folder:
        document = Shop(Path(folder) / "shop.db").app.openapi()
    found: list[Any] = []
    loaded: Any = schemathesis.openapi.from_dict(document)
    for result in loaded.get_all_operations():
        operation = result.ok()
        told = document["paths"][operation.path][operation.method]
        # A header is any text: none is wrong.
        statuses = frozenset(map(int, told["responses"]))
        checked = "requestBody" in told or any(one["in"] != "header" for one in told.get("parameters", []))
        found.append(pytest.param(operation, statuses, POSITIVE, id=f"{operation.label} positive"))
        if checked:
            found.append(pytest.param(operation, statuses, NEGATIVE, id=f"{operation.label} negative"))
    return found


# The server shares this process, and draws its jitter from the random numbers that Hypothesis keeps an eye on.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize(("operation", "statuses", "mode"), cases())
def test_every_answer_is_in_the_document(
    operation: Any,
    statuses: frozenset[int],
    mode: schemathesis.GenerationMode,
    ground: tuple[str, list[str], list[str]],
) -> None:
    address, jobs, prompts = ground

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(operation.as_strategy(generation_mode=mode), st.integers(0, 2 * len(jobs)), st.sampled_from(WHO))
    def call(case: Any, chosen: int, who: str | None) -> None:
        # Half of the ids are of something that is there.
        if chosen < len(jobs):
            if "job_id" in case.path_parameters:
                case.path_parameters["job_id"] = jobs[chosen]
            if "prompt_id" in case.path_parameters:
                case.path_parameters["prompt_id"] = prompts[chosen % len(prompts)]
        sent_headers: dict[str, str] = {}
        for name, value in dict(case.headers or {}).items():
            if name.lower() == "prefer":
                sent_headers[name] = "wait=0"
            elif name.lower() != "x-who":
                sent_headers[name] = value
        case.headers = sent_headers if who is None else {**sent_headers, "X-Who": who}
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        if operation.path in STREAMS:
            sent = case.as_transport_kwargs(base_url=address)
            head: Any = {"headers": dict(sent["headers"]), "params": sent.get("params")}
            with httpx.stream(sent["method"], sent["url"], **head) as answer:
                assert answer.status_code in statuses - {500, 503}
            return
        case.validate_response(case.call(base_url=address), checks=CHECKS)

    call()
