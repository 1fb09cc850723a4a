"""A database that cannot do it: what a client is told, and what the log keeps."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bide import Bide, Settings
from bide import errors as e
from bide.http import problems
from bide.store.postgres.driver import connect
from tests.http.server import client_of
from tests.http.shop import Shop
from tests.pgbouncer import SIZE, Pooler
from tests.store.postgres.proxy import Proxy

ADD = {"type": "add", "input": {"a": 1}}


async def test_a_client_is_not_told_where_the_database_is_and_the_log_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "shop.db"
    shop = Shop(path, worker=False, busy_timeout="300ms")
    async with client_of(shop.app, who="ann") as ann:
        held = (await ann.post("/api/jobs", json={**ADD, "delay": "1h"})).json()["id"]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for body, where in ((ADD, "jobs"), ({"jobs": [ADD]}, "jobs/batch"), ({}, f"jobs/{held}/cancel")):
                caplog.clear()
                answer = await ann.post(f"/api/{where}", json=body)
                assert_told(answer, "store_busy", "The database is busy.", path)
                assert logged(caplog) == [f"store_busy: {path} was not free in time. {HINT}"]
            caplog.clear()
            # A problem within an answer, too.
            answer = await ann.post("/api/jobs/cancel", json={"ids": [held]})
            (item,) = answer.json()["items"]
            assert (item["status"], item["problem"]["message"]) == (503, "The database is busy.")
            assert str(tmp_path) not in answer.text
            assert len(logged(caplog)) == 1
            other.execute("ROLLBACK")
        assert (await ann.post("/api/jobs", json=ADD)).status_code == 202


async def test_ready_says_whether_the_database_answers_now(postgres_url: str) -> None:
    async with Proxy(postgres_url) as proxy:
        bide = Bide[None](proxy.url, settings=Settings(busy_timeout=0.5))
        app = FastAPI()
        app.include_router(bide.router(worker=False), prefix="/api")
        async with client_of(app) as client:
            assert (await client.get("/api/ready")).status_code == 200
            proxy.refusing = True
            proxy.cut_all()
            answer = await client.get("/api/ready")
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
            proxy.refusing = False
            async with asyncio.timeout(30):
                while (await client.get("/api/ready")).status_code != 200:
                    pass


HINT = (
    "Another process holds it, or commits as much as the disk can take; or a transaction of yours is open: commit it"
    " sooner, and enqueue in it, .options(on=…)."
)


def assert_told(answer: httpx.Response, code: str, message: str, path: Path) -> None:
    told = answer.json()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (told["code"], told["message"], told["detail"], told["retryable"]) == (code, message, message, True)
    assert str(path.parent) not in answer.text


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelno) == ("bide.http", logging.WARNING)
    ]


class Elsewhere(e.StoreError):
    """Of a store that somebody else wrote."""

    code = "elsewhere"


@pytest.mark.parametrize("kind", [e.StoreError, *e.StoreError.__subclasses__()])
def test_of_every_error_of_the_database_a_client_is_told_a_sentence_of_ours(kind: type[e.StoreError]) -> None:
    told = problems.describe(kind("/data/ann/shop.db: it broke.", hint="See /data/ann."))
    assert "/data" not in str(told)
    assert told["code"] == kind.code
    assert told["retryable"] is kind.retryable


async def test_behind_a_pooler_whose_connections_others_have_it_is_told_and_heals(
    pooler: Pooler, pooled_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(pooled_url, worker=False, busy_timeout="1s")
    async with client_of(shop.app, who="ann") as ann, AsyncExitStack() as others:
        await asyncio.to_thread(pooler.tell, "set query_wait_timeout = 1")
        others.callback(pooler.tell, "set query_wait_timeout = 5")
        for _ in range(SIZE):
            db = await connect(pooled_url, cached_statements=0)
            others.push_async_callback(db.close)
            await db.execute("begin")
        for answer in await asyncio.gather(ann.post("/api/jobs", json=ADD), ann.get("/api/jobs")):
            told = answer.json()
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), told
            assert "bide-pgbouncer" not in answer.text
        assert any("query_wait_timeout" in line for line in logged(caplog))
        await others.aclose()
        assert (await ann.post("/api/jobs", json=ADD)).status_code == 202
