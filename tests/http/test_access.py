"""Who is let in: by default nobody from elsewhere, and by keys and tokens only whom they name."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
import websockets
from fastapi import FastAPI, HTTPException
from pydantic import SecretStr, ValidationError
from starlette.requests import HTTPConnection
from websockets.exceptions import InvalidStatus

from bide import Bide, JobContext, Settings
from bide.errors import InvalidOption
from bide.http import ApiKey, ApiKeys, Authorize, Forbidden, Jwt, Limits, Principal, Right, Unauthenticated, job_token
from bide.http.access import local_only
from bide.http.job_token import read, sign
from tests.http.server import serving
from tests.http.shop import SECRET, Shop

KEY = "a key of thirty-two bytes or more"
ID = UUID("01999f5e-3c1a-7b2d-9a4e-5f6071829304")


def connection(client: tuple[str, int] | None = ("127.0.0.1", 5), **headers: str) -> HTTPConnection:
    given = {"host": "localhost:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    return HTTPConnection({"type": "http", "client": client, "headers": raw, "query_string": b""})


# ── This machine only ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST", "app.localhost:1", "127.0.0.1:80", "[::1]:80"]
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_is_let_in(peer: str, host: str) -> None:
    principal = await local_only(connection((peer, 1), host=host))
    assert principal.may("admin")
    assert principal.owner is None


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("10.0.0.1", {}),
        ("::ffff:10.0.0.1", {}),
        ("testclient", {}),
        ("", {}),
        ("127.0.0.1", {"host": "example.com"}),
        ("127.0.0.1", {"host": "localhost.evil.com"}),
        ("127.0.0.1", {"host": "127.0.0.1.nip.io"}),
        ("127.0.0.1", {"host": "localhost@evil.com"}),
        ("127.0.0.1", {"host": "localhost:80@evil.com"}),
        ("127.0.0.1", {"host": "evil.com/localhost"}),
        ("127.0.0.1", {"host": "2130706433"}),
        ("127.0.0.1", {"host": "0.0.0.0"}),
        ("127.0.0.1", {"host": "[::1"}),
        ("127.0.0.1", {"host": ""}),
        ("127.0.0.1", {"forwarded": "for=10.0.0.1"}),
        ("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}),
        ("127.0.0.1", {"x_forwarded_host": "localhost"}),
        ("127.0.0.1", {"x_forwarded_proto": "https"}),
        ("127.0.0.1", {"x_real_ip": "127.0.0.1"}),
        ("127.0.0.1", {"via": "1.1 proxy"}),
        ("127.0.0.1", {"cf_connecting_ip": "10.0.0.1"}),
        ("127.0.0.1", {"origin": "https://evil.example"}),
        ("127.0.0.1", {"origin": "null"}),
        ("127.0.0.1", {"origin": "http://localhost.evil.com"}),
        ("127.0.0.1", {"sec_fetch_site": "cross-site"}),
    ],
)
async def test_what_may_come_from_elsewhere_is_refused(peer: str, headers: Mapping[str, str]) -> None:
    with pytest.raises(Forbidden) as refused:
        await local_only(connection((peer, 1), **headers))
    assert "bide.router(authorize=" in str(refused.value.hint)


async def test_without_a_peer_or_with_two_hosts_nobody_is_let_in() -> None:
    with pytest.raises(Forbidden):
        await local_only(connection(None))
    twice = connection()
    twice.scope["headers"].append((b"host", b"localhost"))
    with pytest.raises(Forbidden):
        await local_only(HTTPConnection(twice.scope))


# ── Principals ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_principal_that_makes_no_sense_is_refused() -> None:
    assert Principal("ann").owner == "ann"
    assert not Principal("ann").may("admin")
    assert Principal("root", {"admin"}, None).may("answer")
    odd: list[tuple[Any, ...]] = [("",), ("ann", {"view"}, None), ("ann", {"view"}, ""), ("ann", {"everything"})]
    for given in odd:
        with pytest.raises(InvalidOption):
            Principal(*given)


# ── API keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def guarded(tmp_path: Path, authorize: Authorize) -> AsyncGenerator[httpx.AsyncClient]:
    """An app in which `GET /jobs` answers to whoever is let in, and the name of who that is is in `enqueued_by`."""
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db")

    @bide.job(expose=True)
    async def nothing(ctx: JobContext) -> None:
        return None

    app = FastAPI()
    app.include_router(bide.router(authorize=authorize))
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        yield client


async def status(client: httpx.AsyncClient, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.get("/jobs", headers=named)
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.headers["content-type"] == "application/problem+json"
    return response.status_code


@pytest.mark.parametrize("detail", ["Your session has expired.", {"since": 3}])
async def test_a_status_that_no_standard_names_is_told_as_it_is(tmp_path: Path, detail: Any) -> None:
    async def authorize(connection: HTTPConnection) -> Principal:
        raise HTTPException(419, detail)

    async with guarded(tmp_path, authorize) as client:
        answer = await client.get("/jobs")
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (419, "http_error", 419)
    told = answer.json()
    assert (told["detail"] if isinstance(detail, str) else told["extra"]) == detail


async def test_a_key_lets_in_whom_it_is_of(tmp_path: Path) -> None:
    text, key = ApiKeys.issue("ci", principal="ann", rights={"create", "view"})
    old, expired = ApiKeys.issue("old", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    blind, useless = ApiKeys.issue("blind", rights={"create"})
    async with guarded(tmp_path, ApiKeys([key, expired, useless])) as client:
        assert await status(client, authorization=f"Bearer {text}") == 200
        assert await status(client, authorization=f"bearer {text}") == 200
        assert await status(client, x_api_key=text) == 200
        assert await status(client, authorization=f"Bearer {blind}") == 403
        for odd in (
            {},
            {"authorization": f"Basic {text}"},
            {"authorization": text},
            {"x_api_key": text[:-1] + ("A" if text[-1] != "A" else "B")},
            {"x_api_key": text.replace("_ci_", "_old_")},
            {"x_api_key": old},
            {"x_api_key": "bide_nobody_" + "A" * 43},
            {"x_api_key": ""},
            {"x_api_key": key.digest},
        ):
            assert await status(client, **odd) == 401, odd
        made = await client.post("/jobs", json={"type": "nothing"}, headers={"X-API-Key": text})
        assert made.json()["owner"] == "ann"


async def test_keys_come_from_json_or_from_wherever_they_are_kept(tmp_path: Path) -> None:
    first, one = ApiKeys.issue("one", principal="ann")
    second, two = ApiKeys.issue("two", principal="ann")
    kept = f"[{one.model_dump_json()}, {two.model_dump_json()}]"
    assert first not in kept

    async def find(name: str) -> ApiKey | None:
        return {"two": two}.get(name)

    async with guarded(tmp_path, ApiKeys.from_json(kept)) as client:
        assert [await status(client, x_api_key=text) for text in (first, second)] == [200, 200]
    async with guarded(tmp_path, ApiKeys(find)) as client:
        assert [await status(client, x_api_key=text) for text in (first, second)] == [401, 200]


def test_a_key_shows_nothing_and_has_a_sound_name() -> None:
    text, key = ApiKeys.issue("ci")
    assert key.digest not in repr(key)
    assert text not in repr(key)
    for odd in ("", "a b", "a_b", "x" * 65):
        with pytest.raises(InvalidOption):
            ApiKeys.issue(odd)
    with pytest.raises(InvalidOption, match="Two keys"):
        ApiKeys([key, key.model_copy()])
    with pytest.raises(InvalidOption):
        ApiKeys.issue("boss", rights={"view"}, owner=None)


# ── JSON Web Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    given = {
        "sub": "ann",
        "aud": "api",
        "iss": "us",
        "exp": time.time() + 86_400,
        "scope": "openid bide:view",
        **claims,
    }
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm=algorithm)


async def test_a_token_lets_in_its_subject_with_the_rights_in_its_scope(tmp_path: Path) -> None:
    authorize = Jwt(key=KEY, algorithms=["HS256"], audience="api", issuer="us")
    async with guarded(tmp_path, authorize) as client:
        assert await status(client, authorization=f"Bearer {token()}") == 200
        assert await status(client, authorization=f"Bearer {token(scope='openid')}") == 403
        assert await status(client, authorization=f"Bearer {token(scope=None)}") == 403
        for odd in (
            token(key="another key of thirty-two bytes or more"),
            token(key=KEY * 2, algorithm="HS512"),
            jwt.encode({"sub": "ann", "aud": "api", "iss": "us", "exp": time.time() + 86_400}, "", algorithm="none"),
            token(aud="other"),
            token(aud=None),
            token(iss="them"),
            token(iss=None),
            token(exp=time.time() - 60),
            token(exp=None),
            token(sub=None),
            token(scope=["bide:admin"]),
            token(nbf=time.time() + 3_600),
            "nonsense",
            "a.b.c",
        ):
            assert await status(client, authorization=f"Bearer {odd}") == 401, odd
        assert await status(client) == 401


async def test_what_a_token_means_may_be_said_otherwise() -> None:
    def principal(claims: Mapping[str, Any]) -> Principal:
        return Principal(claims["email"], {"view"})

    authorize = Jwt(key=KEY, algorithms=["HS256"], principal=principal)
    asks = await authorize(connection(authorization=f"Bearer {token(aud=None, email='ann@example.com')}"))
    assert asks.until(None) == Principal("ann@example.com", {"view"})
    assert asks.expires_at is not None
    admin = await Jwt(key=KEY, algorithms=["HS256"])(
        connection(authorization=f"Bearer {token(aud=None, scope='bide:admin')}")
    )
    assert admin.owner is None


@pytest.mark.parametrize(
    "odd",
    [
        {"algorithms": ["HS256"]},
        {"algorithms": ["HS256"], "key": KEY, "jwks_url": "https://example.com/keys"},
        {"algorithms": [], "key": KEY},
        {"algorithms": ["none"], "key": KEY},
        {"algorithms": ["HS256", "RS256"], "key": KEY},
        {"algorithms": ["HS256"], "jwks_url": "https://example.com/keys"},
    ],
)
def test_settings_of_tokens_that_would_let_anybody_in_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        Jwt(**odd)


# ── Tokens for one job ───────────────────────────────────────────────────────────────────────────────────────────────


def secrets(*texts: str) -> list[SecretStr]:
    return [SecretStr(text) for text in texts or (SECRET,)]


def test_a_job_token_says_who_may_what_of_which_job() -> None:
    text = sign(secrets(), ID, "ann", rights={"view", "answer"}, expires="1h", by="guest")
    assert read(secrets(), text).until(None) == Principal("guest", {"view", "answer"}, "ann", ID)
    # Secrets rotate: the first signs, all are accepted.
    assert read(secrets("x" * 32, SECRET), text).id == "guest"
    for known in ([], secrets("x" * 32)):
        with pytest.raises(Unauthenticated):
            read(known, text)


def forged(**claims: Any) -> str:
    whole = {
        "aud": "bide:job", "job": str(ID), "owner": "ann", "sub": "eve", "rights": ["view"], "exp": time.time() + 9_000,
        **claims,
    }  # fmt: skip
    return "bjt." + jwt.encode({name: value for name, value in whole.items() if value is not None}, SECRET)


@pytest.mark.parametrize(
    "odd",
    [
        "bjt.",
        "bjt.nonsense",
        "bjt." + token(SECRET),
        forged(exp=time.time() - 1),
        forged(exp=None),
        forged(aud="api"),
        forged(job=None),
        forged(job="nonsense"),
        forged(owner=None),
        forged(owner=1),
        forged(rights="view"),
        forged(rights=[["view"]]),
        forged(sub=""),
        "bjt." + jwt.encode({"aud": "bide:job"}, "", algorithm="none"),
    ],
)
def test_what_is_no_token_of_ours_opens_nothing(odd: str) -> None:
    with pytest.raises(Unauthenticated):
        read(secrets(), odd)


def test_a_token_never_holds_more_than_a_page_needs() -> None:
    assert read(secrets(), forged(rights=["view", "admin", "create"])).rights == {"view"}
    asked_for: list[set[Right]] = [{"admin"}, {"create", "view"}, set()]
    for odd in asked_for:
        with pytest.raises(InvalidOption):
            sign(secrets(), ID, "ann", rights=odd, expires="1h", by="eve")
    with pytest.raises(InvalidOption, match="BIDE_SECRETS"):
        sign([], ID, "ann", rights={"view"}, expires="1h", by="eve")


async def test_a_browser_follows_a_job_with_its_token_in_the_address(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.db")
    async with serving(shop.app) as address, httpx.AsyncClient(base_url=f"{address}/api") as client:
        job, other = [await shop.hold.options(owner=owner, delay="1h").enqueue() for owner in ("ann", "")]
        for one in (job, other):
            query = {"token": job_token(shop.bide, one, rights={"view"})}
            async with client.stream("GET", f"jobs/{one.id}/events", params=query) as answer:
                assert answer.status_code == 200
            socket = f"{address}/api/jobs/{one.id}/ws/token?token={query['token']}".replace("http", "ws", 1)
            async with websockets.connect(socket) as opened:
                assert "snapshot" in str(await opened.recv())
            assert (await client.post(f"jobs/{one.id}/cancel", params=query)).status_code == 403
            assert (await client.get("jobs", params=query)).status_code == 401
        with pytest.raises(InvalidStatus) as refused:
            async with websockets.connect(f"{address}/api/jobs/{job.id}/ws/token?token=bjt.x".replace("http", "ws", 1)):
                pass
        assert refused.value.response.status_code == 401


def test_secrets_are_read_from_the_environment_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIDE_SECRETS", f"{'a' * 32}, {'b' * 40},")
    settings = Settings()
    assert [secret.get_secret_value() for secret in settings.secrets] == ["a" * 32, "b" * 40]
    assert "aaaa" not in repr(settings)
    assert "aaaa" not in settings.model_dump_json()
    monkeypatch.setenv("BIDE_SECRETS", "short")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "at least 32" in str(refused.value)


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_asks_too_often_is_told_when_to_come_again_and_nobody_else_is(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.db", limits=Limits(requests=1, burst=5))
    async with serving(shop.app) as address, httpx.AsyncClient(base_url=f"{address}/api") as client:
        told = [await client.get("stats", headers={"X-Who": "ann"}) for _ in range(8)]
        assert [answer.status_code for answer in told[:5]] == [200] * 5
        assert told[-1].status_code == 429
        assert int(told[-1].headers["retry-after"]) >= 1
        assert told[-1].json()["retryable"] is True
        assert (await client.get("stats", headers={"X-Who": "bob"})).status_code == 200
        assert (await client.get("health")).status_code == 200


async def test_a_principal_holds_so_many_streams_and_each_that_closes_makes_room(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.db", limits=Limits(streams=2))
    async with (
        serving(shop.app) as address,
        httpx.AsyncClient(base_url=f"{address}/api", headers={"X-Who": "ann"}) as client,
    ):
        job = await shop.hold.options(owner="ann", delay="1h").enqueue()
        path = f"jobs/{job.id}/events"
        async with client.stream("GET", path) as one, client.stream("GET", "events") as two:
            # Kept, since what is no longer read from is closed.
            reading = one.aiter_text(), two.aiter_text()
            for begun in reading:
                await anext(begun)
            for further in (path, "events", f"jobs/{job.id}?wait=30"):
                refused = await client.get(further)
                assert refused.status_code == 429, further
                assert refused.headers["retry-after"]
            async with client.stream("GET", path, headers={"X-Who": "admin"}) as other:
                assert other.status_code == 200
        while True:
            async with client.stream("GET", path) as again:
                if again.status_code == 200:
                    break
