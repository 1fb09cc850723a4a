"""Tokens of an identity provider: whatever is forged, confused or withdrawn lets nobody in."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi import FastAPI, Response

from bide.errors import InvalidOption
from bide.http import Jwt, Unauthenticated, jwks
from bide.http.job_token import AUDIENCE
from bide.http.refusals import Unavailable
from tests.http.server import serving
from tests.http.test_access import KEY, connection, guarded, token


def raw(header: bytes, claims: Mapping[str, Any] | None = None) -> str:
    """A token with any header at all, and no signature worth its name."""
    body = json.dumps(claims or {"sub": "ann", "aud": "api", "iss": "us", "exp": time.time() + 86_400}).encode()
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, body, b"x"))


def signed(**claims: Any) -> str:
    """Of claims that PyJWT would not write."""
    given = {"sub": "ann", "aud": "api", "iss": "us", "exp": time.time() + 86_400, **claims}
    return jwt.PyJWS().encode(json.dumps(given).encode(), KEY, algorithm="HS256")


def forgeries() -> dict[str, str]:
    return {
        "no algorithm": raw(b'{"alg":"none"}'),
        "no algorithm, in capitals": raw(b'{"alg":"NONE"}'),
        "no algorithm named": raw(b"{}"),
        "an algorithm that is no text": raw(b'{"alg":["HS256"]}'),
        "a header that is no object": raw(b"[]"),
        "a header without end": raw(b"[" * 20_000),
        "a header that is no text": raw(b"\xff\xfe"),
        "a critical header that nobody knows": jwt.encode(
            {"sub": "ann", "exp": time.time() + 86_400, "aud": "api", "iss": "us"}, KEY, headers={"crit": ["x"], "x": 1}
        ),
        "a key of its own": raw(b'{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}'),
        "no signature": token().rpartition(".")[0] + ".",
        "a signature cut off": token()[:-4],
        "white space": token().replace(".", " . "),
        "another audience": token(aud="other"),
        "audiences among which ours is not": token(aud=["other", "another"]),
        "an audience that is no text": token(aud=1),
        "an issuer that is no text": signed(iss=["us"]),
        "an issuer in capitals": token(iss="US"),
        "a subject that is a number": signed(sub=1),
        "a subject that is a list": signed(sub=["ann"]),
        "a subject without a name": token(sub=""),
        "an end that is no number": token(exp="soon"),
        "an end that is a list": token(exp=[time.time() + 86_400]),
        "no end": token(exp=None),
        "an endless end": token(exp=float("inf")),
        "before its time": token(nbf=time.time() + 60),
        "made in the future": token(iat=time.time() + 3_600),
        "rights that are a number": token(scope=1),
    }


async def test_what_is_forged_or_confused_lets_nobody_in(tmp_path: Path) -> None:
    authorize = Jwt(key=KEY, algorithms=["HS256"], audience="api", issuer="us")
    async with guarded(tmp_path, authorize) as client:
        for name, forged in forgeries().items():
            answer = await client.get("/jobs", headers={"Authorization": f"Bearer {forged}"})
            assert answer.status_code == 401, f"{name}: {answer.text}"
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for given in ({"X-API-Key": token()}, {"Cookie": f"token={token()}"}, {"Authorization": f"JWT {token()}"}):
            assert (await client.get("/jobs", headers=given)).status_code == 401
        assert (await client.get("/jobs", params={"token": token()})).status_code == 401
        assert (await client.get("/jobs", headers={"Authorization": f"Bearer {token()}"})).status_code == 200
        both = [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token(sub='eve')}")]
        assert (await client.get("/jobs", headers=both)).status_code == 401


async def test_a_token_for_one_job_is_no_token_of_a_user_even_with_the_same_secret() -> None:
    authorize = Jwt(key=KEY, algorithms=["HS256"])
    for audience in (AUDIENCE, ["api", AUDIENCE]):
        with pytest.raises(Unauthenticated):
            await authorize(connection(authorization=f"Bearer {token(aud=audience)}"))
    # Nor is one for anybody else, where nobody said whom tokens are for.
    with pytest.raises(Unauthenticated):
        await authorize(connection(authorization=f"Bearer {token(aud='api')}"))
    ours = Jwt(key=KEY, algorithms=["HS256"], audience="api")
    with pytest.raises(Unauthenticated):
        await ours(connection(authorization=f"Bearer {token(aud=['api', AUDIENCE])}"))
    assert (await ours(connection(authorization=f"Bearer {token(aud='api')}"))).id == "ann"


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    for key in ("", b"", "short", "x" * 31, b"x" * 31):
        with pytest.raises(InvalidOption, match="32"):
            Jwt(key=key, algorithms=["HS256"])
    with pytest.raises(InvalidOption, match="64"):
        Jwt(key="x" * 63, algorithms=["HS256", "HS512"])


def test_an_algorithm_that_there_is_not_is_refused_and_the_remedy_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidOption, match="RS265"):
        Jwt(jwks_url="https://example.com/keys", algorithms=["RS265"])

    def without_cryptography(name: str) -> Any:
        raise NotImplementedError(f"Algorithm '{name}' could not be found. Do you have cryptography installed?")

    monkeypatch.setattr(jwt, "get_algorithm_by_name", without_cryptography)
    with pytest.raises(InvalidOption, match="RS256") as refused:
        Jwt(jwks_url="https://example.com/keys", algorithms=["RS256"])
    assert 'pip install "pyjwt[crypto]"' in str(refused.value.hint)


def test_an_address_of_keys_is_one_of_the_web() -> None:
    for odd in ("file:///etc/passwd", "", "example.com/keys"):
        with pytest.raises(InvalidOption, match="jwks_url"):
            Jwt(jwks_url=odd, algorithms=["RS256"])


# ── Published keys ───────────────────────────────────────────────────────────────────────────────────────────────────


class Provider:
    """Publishes its keys under `/keys`, and signs with any of them."""

    def __init__(self, *names: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        self.private: dict[str, Any] = {name: rsa.generate_private_key(65537, 2048) for name in names}
        self.published = list(names[:1])
        self.asked = 0
        self.text: str | None = None
        self.app = FastAPI()
        self.app.get("/keys")(self.keys)

    async def keys(self) -> Response:
        from jwt.algorithms import RSAAlgorithm

        self.asked += 1
        keys = [
            {**RSAAlgorithm.to_jwk(self.private[name].public_key(), as_dict=True), "kid": name, "use": "sig"}
            for name in self.published
        ]
        return Response(self.text or json.dumps({"keys": keys}), media_type="application/json")

    def token(self, name: str, *, kid: Any = "", **claims: Any) -> str:
        given = {"sub": "ann", "aud": "api", "exp": time.time() + 86_400, "scope": "bide:view", **claims}
        headers = {} if kid is None else {"kid": kid or name}
        return jwt.encode(given, self.private[name], algorithm="RS256", headers=headers)

    def public_text(self, name: str) -> bytes:
        from cryptography.hazmat.primitives import serialization as s

        public: Any = self.private[name].public_key()
        return bytes(public.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))


async def let_in(authorize: Jwt, text: str) -> bool:
    try:
        return (await authorize(connection(authorization=f"Bearer {text}"))).id == "ann"
    except Unauthenticated:
        return False


async def test_keys_that_a_provider_publishes_let_in_whom_it_signs_for(tmp_path: Path) -> None:
    provider = Provider("one", "two")
    async with serving(provider.app) as address:
        authorize = Jwt(jwks_url=f"{address}/keys", algorithms=["RS256"], audience="api")
        # The public key, which everybody has, taken for the secret of an HMAC.
        header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=")
        body = provider.token("one").split(".")[1].encode()
        mac = hmac.new(provider.public_text("one"), header + b"." + body, hashlib.sha256).digest()
        confused = b".".join([header, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
        async with guarded(tmp_path, authorize) as client:

            async def status(text: str) -> int:
                return (await client.get("/jobs", headers={"Authorization": f"Bearer {text}"})).status_code

            assert await status(provider.token("one")) == 200
            refused = {
                "not published": provider.token("two"),
                "signed with another key than it names": provider.token("two", kid="one"),
                "no name of a key": provider.token("one", kid=None),
                "for somebody else": provider.token("one", aud="other"),
                "expired": provider.token("one", exp=time.time() - 60),
                "the public key as a secret": confused,
                "no signature": raw(b'{"alg":"none","kid":"one"}'),
                "a name that is no text": raw(b'{"alg":"RS256","kid":["one"]}'),
            }
            for name, text in refused.items():
                assert await status(text) == 401, name
            # Names of keys that nobody knows make nobody ask the provider again and again.
            for n in range(20):
                assert await status(provider.token("two", kid=f"unknown {n}")) == 401
        assert provider.asked <= 2


async def test_a_key_that_was_withdrawn_opens_nothing_once_the_list_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jwks, "KEPT", 0.05)
    provider = Provider("one", "two")
    async with serving(provider.app) as address:
        authorize = Jwt(jwks_url=f"{address}/keys", algorithms=["RS256"], audience="api")
        assert await let_in(authorize, provider.token("one"))
        provider.published = ["two"]
        async with asyncio.timeout(20):
            while await let_in(authorize, provider.token("one")):
                pass
        assert await let_in(authorize, provider.token("two"))


async def test_a_provider_that_does_not_answer_is_no_fault_of_who_asks(tmp_path: Path) -> None:
    provider = Provider("one")
    async with serving(provider.app) as address:
        provider.text = "<html>"
        authorize = Jwt(jwks_url=f"{address}/keys", algorithms=["RS256"], audience="api")
        with pytest.raises(Unavailable):
            await authorize(connection(authorization=f"Bearer {provider.token('one')}"))
        elsewhere = Jwt(jwks_url=f"{address}/nothing", algorithms=["RS256"], audience="api")
        async with guarded(tmp_path, elsewhere) as client:
            answer = await client.get("/jobs", headers={"Authorization": f"Bearer {provider.token('one')}"})
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert answer.json()["retryable"] is True
            assert address not in answer.text
