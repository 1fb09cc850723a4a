"""Tokens of one job over real requests: in a header, in the address of a stream, for a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import websockets
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from websockets.exceptions import InvalidStatus

from bide import Bide, JobContext, Settings
from bide.http import ApiKeys, Jwt, Limits, Right, job_token
from bide.http.job_token import GRANTABLE, read, sign
from tests.http.server import serving
from tests.http.shop import SECRET, Shop
from tests.http.test_access import ID

OLD = "an older secret that is still accepted: 0123"


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db", secrets=f"{SECRET},{OLD}", worker=False)


@pytest.fixture
async def client(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    async with serving(shop.app) as address, httpx.AsyncClient(base_url=f"{address}/api", timeout=30) as client:
        yield client


async def events(client: httpx.AsyncClient, job: object, token: str, *, header: bool) -> int:
    given: dict[str, Any] = (
        {"headers": {"Authorization": f"Bearer {token}"}} if header else {"params": {"token": token}}
    )
    async with client.stream("GET", f"jobs/{job}/events", **given) as answer:
        return answer.status_code


async def socket(client: httpx.AsyncClient, job: object, token: str, *, header: bool, path: str = "ws/token") -> int:
    """The status of the handshake, or of the problem that is sent behind it."""
    address = f"{client.base_url}jobs/{job}/{path}".replace("http", "ws", 1)
    given = {"Authorization": f"Bearer {token}"} if header else {}
    try:
        async with websockets.connect(
            address if header else f"{address}?token={token}", additional_headers=given
        ) as opened:
            first = str(await opened.recv())
            return 200 if "snapshot" in first else int(first.partition('"status":')[2][:3])
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("owner", ["ann", ""])
@pytest.mark.parametrize("header", [True, False])
async def test_it_is_taken_from_the_header_and_from_the_address(
    shop: Shop, client: httpx.AsyncClient, owner: str, header: bool
) -> None:
    job, other = [await shop.hold.options(owner=owner).enqueue() for _ in range(2)]
    token = job_token(shop.bide, job, rights={"view"})
    blind = job_token(shop.bide, job, rights={"cancel"})
    signed_before, unknown = [
        sign([SecretStr(secret)], job.id, owner, rights={"view"}, expires="1m", by="ann") for secret in (OLD, "x" * 32)
    ]
    for open_one in (events, socket):
        assert await open_one(client, job.id, token, header=header) == 200
        assert await open_one(client, job.id, signed_before, header=header) == 200
        assert await open_one(client, other.id, token, header=header) == 404
        assert await open_one(client, job.id, blind, header=header) == 403
        for odd in (unknown, token[:-4], "bjt.", token.removeprefix("bjt."), "bjt." + token):
            assert await open_one(client, job.id, odd, header=header) == 401, odd
    # The way for people asks `authorize`, which knows of no such token.
    assert await socket(client, job.id, token, header=header, path="ws") == 401


async def test_what_it_holds_open_ends_when_it_expires(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    token = job_token(shop.bide, job, rights={"view"}, expires="1s")
    path = f"jobs/{job.id}/events?token={token}"

    async def stream() -> str:
        async with client.stream("GET", path) as answer:
            return "".join([text async for text in answer.aiter_text()])

    async def listen() -> Sequence[str]:
        address = f"{client.base_url}jobs/{job.id}/ws/token?token={token}".replace("http", "ws", 1)
        async with websockets.connect(address) as opened:
            return [str(message) async for message in opened]

    told, heard = await asyncio.gather(stream(), listen())
    assert "event: snapshot" in told
    assert "snapshot" in heard[0]
    assert (await client.get(path)).status_code == 401


def made(claims: dict[str, Any], secret: str = SECRET, **more: Any) -> str:
    return "bjt." + jwt.encode({name: v for name, v in claims.items() if v is not None}, secret, **more)


async def test_what_is_forged_opens_neither_a_job_nor_a_stream(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    right = {
        "aud": "bide:job", "job": str(job.id), "owner": "ann", "sub": "ann", "rights": ["view"],
        "exp": time.time() + 60,
    }  # fmt: skip
    assert await events(client, job.id, made(right), header=True) == 200
    forged: dict[str, str] = {
        "no signature": made(right, "", algorithm="none"),
        "another algorithm": made(right, SECRET * 2, algorithm="HS512"),
        "another secret": made(right, "y" * 32),
        "a token of a user": made({"sub": "ann", "exp": time.time() + 60, "scope": "bide:admin"}),
        "of a user, for somebody": made({**right, "aud": "api"}),
        "no audience": made({**right, "aud": None}),
        "no end": made({**right, "exp": None}),
        "expired": made({**right, "exp": time.time() - 1}),
        "no job": made({**right, "job": None}),
        "a job that is no id": made({**right, "job": "all"}),
        "a job that is a number": made({**right, "job": 7}),
        "many jobs": made({**right, "job": [str(job.id)]}),
        "no owner": made({**right, "owner": None}),
        "owners": made({**right, "owner": ["ann"]}),
        "rights that are a text": made({**right, "rights": "view"}),
        "rights that are numbers": made({**right, "rights": [1]}),
        "nobody": made({**right, "sub": None}),
    }
    for name, token in forged.items():
        for header in (True, False):
            assert await events(client, job.id, token, header=header) == 401, name
            assert await socket(client, job.id, token, header=header) == 401, name
    for useless in ([], ["admin"], ["create"]):
        assert await events(client, job.id, made({**right, "rights": useless}), header=True) == 403
    assert await events(client, job.id, made({**right, "owner": "bob"}), header=True) == 404


@pytest.mark.parametrize("kind", ["keys", "tokens"])
async def test_it_is_neither_a_key_nor_a_token_of_a_user(tmp_path: Path, kind: str) -> None:
    """With the same secret for both, as somebody will."""
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db", settings=Settings(secrets=(SecretStr(SECRET),)))

    @bide.job(expose=True)
    async def nothing(ctx: JobContext) -> None:
        return None

    text, key = ApiKeys.issue("ann")
    app = FastAPI()
    app.include_router(
        bide.router(authorize=ApiKeys([key]) if kind == "keys" else Jwt(key=SECRET, algorithms=["HS256"]), worker=False)
    )
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        job = await nothing.options(owner="ann").enqueue()
        token = job_token(bide, job)
        bare = token.removeprefix("bjt.")
        assert (await client.get(f"/jobs/{job.id}", headers={"Authorization": f"Bearer {token}"})).status_code == 200
        ways: Sequence[dict[str, str]] = [
            {"Authorization": f"Bearer {token}"}, {"X-API-Key": token}, {"Authorization": f"Bearer {bare}"},
            {"X-API-Key": bare}, {"Authorization": f"Basic {token}"},
        ]  # fmt: skip
        for headers in ways:
            assert (await client.get("/jobs", headers=headers)).status_code == 401
            assert (await client.post("/jobs", json={"type": "nothing"}, headers=headers)).status_code == 401
            assert (await client.post(f"/jobs/{job.id}/retry", headers=headers)).status_code == 401
        assert (await client.get(f"/jobs/{job.id}", params={"token": text})).status_code == 401
        both = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {bare}")]
        assert (await client.get(f"/jobs/{job.id}", headers=both)).status_code == 401


async def test_who_answers_with_it_is_who_it_was_made_for(shop: Shop, client: httpx.AsyncClient) -> None:
    job = await shop.hold.options(owner="ann").enqueue()
    token = job_token(shop.bide, job, rights={"cancel"}, by="guest of ann")
    body = {"reason": "enough", "by": "somebody else", "owner": "bob"}
    headers = {"Authorization": f"Bearer {token}"}
    told = await client.post(f"jobs/{job.id}/cancel", json=body, headers=headers)
    if told.status_code == 422:
        told = await client.post(f"jobs/{job.id}/cancel", json={"reason": "enough"}, headers=headers)
    assert told.status_code == 200
    last = (await shop.bide.history(job))[-1]
    assert last.data["by"] == "guest of ann"


async def test_those_who_follow_one_job_take_nothing_from_those_who_follow_another(tmp_path: Path) -> None:
    """Jobs without an owner: all their tokens are recorded as one name."""
    shop = Shop(tmp_path / "shop.db", limits=Limits(streams=1, requests=1, burst=3), worker=False)
    async with serving(shop.app) as address, httpx.AsyncClient(base_url=f"{address}/api", timeout=30) as client:
        first, second = [await shop.hold.enqueue() for _ in range(2)]
        one, two = [{"token": job_token(shop.bide, job)} for job in (first, second)]
        async with client.stream("GET", f"jobs/{first.id}/events", params=one) as held:
            reading = held.aiter_text()
            await anext(reading)
            assert (await client.get(f"jobs/{first.id}/events", params=one)).status_code == 429
            async with client.stream("GET", f"jobs/{second.id}/events", params=two) as other:
                assert other.status_code == 200
            while (await client.get(f"jobs/{first.id}", params=one)).status_code != 429:
                pass
            assert (await client.get(f"jobs/{second.id}", params=two)).status_code == 200


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("a" * 32, ["a" * 32]),
        (f" {'a' * 32} ,{'b' * 33},", ["a" * 32, "b" * 33]),
        ("ä" * 32, ["ä" * 32]),
    ],
    ids=["none", "separators", "one", "two", "umlauts"],
)
def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]) -> None:
    monkeypatch.setenv("BIDE_SECRETS", text)
    settings = Settings()
    assert [secret.get_secret_value() for secret in settings.secrets] == expected
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert not any(secret in shown for secret in expected)


SHORT = "hunter2hunter2"


@pytest.mark.parametrize("text", [SHORT, f"{'a' * 32},{SHORT}", f"{SHORT},{'a' * 32}"], ids=["one", "last", "first"])
def test_one_that_is_too_short_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BIDE_SECRETS", text)
    with pytest.raises(ValidationError, match="at least 32") as refused:
        Settings()
    shown = str(refused.value) + repr(refused.value) + repr(refused.value.errors()) + refused.value.json()
    assert SHORT not in shown
    assert "a" * 32 not in shown
    monkeypatch.delenv("BIDE_SECRETS")
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"secrets": [SHORT]})
    assert SHORT not in str(refused.value)


def test_a_secret_that_is_not_ascii_signs_too(tmp_path: Path) -> None:

    secrets = [SecretStr("ä" * 32)]
    assert read(secrets, sign(secrets, ID, "", rights=GRANTABLE, expires="1m", by="anonymous")).owner == ""


def test_a_token_for_a_job_shows_no_secret() -> None:
    rights: set[Right] = {"view"}

    token = sign([SecretStr(SECRET)], ID, "ann", rights=rights, expires="1m", by="ann")
    claims = jwt.decode(token.removeprefix("bjt."), options={"verify_signature": False})
    assert set(claims) == {"aud", "job", "owner", "sub", "rights", "exp"}
