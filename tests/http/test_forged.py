"""Tokens of an identity provider: forged in every way that is known, and one after the other refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http import Forbidden, Jwt, Principal, Unauthenticated
from bide.http.jwks import PublishedKeys
from tests.http.gate import app_behind, ask, ask_by_socket

SECRET = "what is shared by both, and by nobody else"
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PEM = (
    RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
ISSUER = "https://id.example"
NONE = object()
"""A claim that is left out."""


def claims(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "sub": "ann",
        "aud": "jobs",
        "iss": ISSUER,
        "exp": int(time.time()) + 86_400,  # made when the tests are collected, used when they run
        "scope": "bide:view",
        **more,
    }
    return {name: value for name, value in given.items() if value is not NONE}


def signed(key: Any = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm, headers)


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def encode_bytes(payload: bytes) -> str:
    return PyJWS().encode(payload, SECRET, "HS256")


def hmac_by_hand(key: bytes, header: Mapping[str, Any]) -> str:
    """As PyJWT refuses to: with a public key as the secret."""
    text = f"{part(header)}.{part(claims())}"
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


SHARED = Jwt(key=SECRET, algorithms=["HS256"], audience="jobs", issuer=ISSUER, leeway=0)
PUBLIC = Jwt(key=PEM, algorithms=["RS256"], audience="jobs", issuer=ISSUER, leeway=0)
ANN = {"id": "ann", "rights": ["view"], "owner": "ann", "job": None}


@pytest.mark.parametrize(
    ("gate", "token"), [(SHARED, signed()), (PUBLIC, signed(RSA, "RS256"))], ids=["shared", "public"]
)
async def test_a_token_lets_its_subject_in_over_http_and_websockets(gate: Jwt, token: str) -> None:
    assert (await ask(gate, bearing(token))).json() == ANN
    assert ask_by_socket(gate, bearing(token)) == ANN


FORGED: dict[str, Callable[[], str]] = {
    "another secret": lambda: signed("another secret, which is as long as this"),
    "no signature": lambda: signed().rsplit(".", 1)[0] + ".",
    "none": lambda: signed(None, "none"),
    "None": lambda: f"{part({'alg': 'None', 'typ': 'JWT'})}.{part(claims())}.",
    "no algorithm": lambda: f"{part({'typ': 'JWT'})}.{part(claims())}.AAAA",
    "another algorithm": lambda: signed("x" * 64, "HS512"),
    "same secret, another algorithm": lambda: jwt.encode(claims(), SECRET * 2, "HS384"),
    "other claims": lambda: f"{signed().split('.')[0]}.{part(claims(sub='root'))}.{signed().split('.')[2]}",
    "expired": lambda: signed(exp=int(time.time()) - 1),
    "never expires": lambda: signed(exp=NONE),
    "expiry null": lambda: signed(exp=None),
    "expiry is a text": lambda: signed(exp="tomorrow"),
    "not yet": lambda: signed(nbf=int(time.time()) + 60),
    "issued tomorrow": lambda: signed(iat=int(time.time()) + 86_400),
    "for another": lambda: signed(aud="shop"),
    "for others": lambda: signed(aud=["shop", "jobs2"]),
    "for nobody": lambda: signed(aud=NONE),
    "for all": lambda: signed(aud="*"),
    "from another": lambda: signed(iss="https://id.evil"),
    "from nobody": lambda: signed(iss=NONE),
    "of nobody": lambda: signed(sub=NONE),
    "of a number": lambda: signed(sub=7),
    "of an empty name": lambda: signed(sub=""),
    "of half a character": lambda: signed(sub="\ud800"),
    "a scope that is a list": lambda: signed(scope=["bide:view"]),
    "rights that are a text": lambda: signed(rights="admin"),
    "rights that are an object": lambda: signed(rights={"admin": True}),
    "critical extension": lambda: signed(headers={"crit": ["exp"], "exp": 1}),
    "a number for its kid": lambda: f"{part({'alg': 'HS256', 'kid': 7})}.{part(claims())}.AAAA",
    "a list": lambda: encode_bytes(b"[]"),
    "deep": lambda: encode_bytes(b"[" * 100_000),
    "garbage": lambda: "a.b.c",
    "a word": lambda: "swordfish",
    "a key": lambda: "bide_a_" + "A" * 43,
    "many dots": lambda: "." * 50,
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_token_that_is_not_good_in_every_way_lets_nobody_in(how: str) -> None:
    token = FORGED[how]()
    answer = await ask(SHARED, bearing(token))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer.json()["detail"] == ("The token has expired." if how == "expired" else "The token is not valid.")
    assert token not in answer.text
    assert ask_by_socket(SHARED, bearing(token)) == 401


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
async def test_a_public_key_is_no_secret(algorithm: str) -> None:
    """The oldest forgery: HMAC with the key that everybody has."""
    assert (await ask(PUBLIC, bearing(hmac_by_hand(PEM.encode(), {"alg": algorithm})))).status_code == 401


@pytest.mark.parametrize("token", [signed(OTHER, "RS256"), signed(RSA, "RS512"), signed(RSA, "PS256"), signed()])
async def test_only_the_one_key_and_algorithm_will_do(token: str) -> None:
    assert (await ask(PUBLIC, bearing(token))).status_code == 401


@given(st.text(st.characters(max_codepoint=255)))
def test_no_text_is_a_token_nor_an_error_of_the_server(text: str) -> None:
    headers = [(b"authorization", f"Bearer x{text}".encode("latin-1"))]
    with pytest.raises(Unauthenticated):
        asyncio.run(SHARED(HTTPConnection({"type": "http", "headers": headers})))


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer "}, {"Authorization": f"Basic {signed()}"}],
    ids=["none", "empty", "another scheme"],
)
async def test_who_brings_no_token_is_asked_for_one(headers: dict[str, str]) -> None:
    answer = await ask(SHARED, headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_clocks_may_differ_by_the_leeway() -> None:
    gate = Jwt(key=SECRET, algorithms=["HS256"], audience="jobs", leeway="1m")
    assert (await ask(gate, bearing(signed(exp=int(time.time()) - 30)))).status_code == 200
    assert (await ask(gate, bearing(signed(exp=int(time.time()) - 90)))).status_code == 401


async def test_without_an_audience_only_tokens_for_nobody_are_taken() -> None:
    gate = Jwt(key=SECRET, algorithms=["HS256"], audience=None)
    assert (await ask(gate, bearing(signed(aud=NONE)))).status_code == 200
    assert (await ask(gate, bearing(signed(aud="shop")))).status_code == 401


async def test_one_of_several_audiences_is_enough() -> None:
    gate = Jwt(key=SECRET, algorithms=["HS256"], audience=["jobs", "work"])
    assert (await ask(gate, bearing(signed(aud=["shop", "work"])))).status_code == 200
    assert (await ask(gate, bearing(signed(aud=["shop"])))).status_code == 401


# ── Whom the claims tell of ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "rights", "owner"),
    [
        ({"scope": "openid bide:view profile bide:answer"}, ["answer", "view"], "ann"),
        ({"scope": "view admin bide:fly bide: xbide:view"}, [], "ann"),
        ({"scope": NONE}, [], "ann"),
        ({"scope": NONE, "rights": ["view", "cancel", "fly", 7]}, ["cancel", "view"], "ann"),
        ({"scope": "bide:view", "rights": ["create"]}, ["create", "view"], "ann"),
        ({"scope": "bide:admin"}, ["admin"], None),
    ],
)
async def test_rights_are_in_the_claims(said: dict[str, Any], rights: list[str], owner: str | None) -> None:
    told = (await ask(SHARED, bearing(signed(**said)))).json()
    assert (told["id"], told["rights"], told["owner"]) == ("ann", rights, owner)


async def test_what_to_make_of_the_claims_can_be_said() -> None:
    def of(claims: Mapping[str, Any]) -> Principal:
        if "org" not in claims:
            raise Forbidden("Of no organisation.")
        return Principal(claims["sub"], ["view"], owner=claims["org"])

    gate = Jwt(key=SECRET, algorithms=["HS256"], audience="jobs", principal=of)
    assert (await ask(gate, bearing(signed(org="acme")))).json()["owner"] == "acme"
    assert (await ask(gate, bearing(signed()))).status_code == 403
    assert (await ask(gate, bearing(signed(org="")))).status_code == 401


# ── How it is set up ─────────────────────────────────────────────────────────────────────────────────────────────────

URL = "https://id.example/keys"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"algorithms": []}, "algorithms="),
        ({"algorithms": ["none"]}, "algorithms="),
        ({"algorithms": ["HS256", "None"]}, "algorithms="),
        ({"algorithms": ["hs256"]}, "algorithms="),
        ({"algorithms": ["HS256", "RS256"]}, "do not mix"),
        ({"algorithms": ["HS256"], "key": None, "jwks_url": URL, "issuer": ISSUER}, "not published"),
        ({"algorithms": ["RS256"], "key": None, "jwks_url": "file:///etc/passwd", "issuer": ISSUER}, "jwks_url="),
        ({"key": None}, "either"),
        ({"jwks_url": URL}, "either"),
        ({"key": "short"}, "at least 32"),
        ({"key": SECRET, "algorithms": ["HS256", "HS512"]}, "at least 64"),
        ({"key": ""}, "at least 32"),
        ({"key": PEM}, "none for HS256"),
        ({"key": SECRET, "algorithms": ["RS256"]}, "none for RS256"),
        ({"key": PEM, "algorithms": ["ES256"]}, "none for ES256"),
        ({"audience": ""}, "audience="),
        ({"audience": []}, "audience="),
    ],
    ids=range(17),
)
def test_what_makes_no_sense_is_refused_at_once(options: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"key": SECRET, "algorithms": ["HS256"], "audience": "jobs", **options}
    with pytest.raises(InvalidOption, match=says) as refused:
        Jwt(**given)
    assert SECRET not in str(refused.value)


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(SHARED)


def test_the_document_tells_how_to_authenticate() -> None:
    document = app_behind(SHARED).openapi()
    scheme = document["components"]["securitySchemes"]["Jwt"]
    assert scheme == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["paths"]["/"]["get"]["security"] == [{"Jwt": []}]


# ── Published keys ───────────────────────────────────────────────────────────────────────────────────────────────────


class Provider:
    """An identity provider: `keys` are published, by their `kid`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: dict[str, Any] = {}
        self.body: bytes | None = None
        self.status = 200
        self.asked = 0
        self.was_asked = threading.Event()
        self.hold = threading.Event()
        self.hold.set()

    def answer(self) -> bytes:
        self.asked += 1
        self.was_asked.set()
        self.hold.wait(10)
        if self.body is not None:
            return self.body
        return json.dumps(
            {"keys": [{**as_jwk(key), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]}
        ).encode()

    def gate(self) -> Jwt:
        algorithms = ["RS256", "ES256", "EdDSA"]
        return Jwt(jwks_url=self.url, algorithms=algorithms, audience="jobs", issuer=ISSUER)


def as_jwk(key: Any) -> dict[str, Any]:
    match key:
        case rsa.RSAPrivateKey():
            return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ed25519.Ed25519PrivateKey():
            return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            return {"kty": "oct", "k": base64.urlsafe_b64encode(key.encode()).decode()}


@contextmanager
def publishing() -> Generator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = published.answer()
            self.send_response(published.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        published = Provider(f"http://127.0.0.1:{server.server_port}/keys")
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield published
        finally:
            published.hold.set()
            server.shutdown()
            serving.join()


@pytest.fixture
def provider() -> Generator[Provider]:
    with publishing() as one:
        yield one


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=["RS256", "ES256", "EdDSA"],
)
async def test_published_keys_check_tokens(provider: Provider, key: Any, algorithm: str) -> None:
    provider.keys = {"a": OTHER, "b": key}
    gate = provider.gate()
    token = signed(key, algorithm, {"kid": "b"})
    assert (await ask(gate, bearing(token))).json() == ANN
    assert ask_by_socket(gate, bearing(token)) == ANN
    assert (await ask(gate, bearing(signed(key, algorithm, {"kid": "a"})))).status_code == 401
    assert (await ask(gate, bearing(signed(key, algorithm, {"kid": "c"})))).status_code == 401
    assert (await ask(gate, bearing(signed(key, algorithm)))).status_code == 401
    assert provider.asked == 1


async def test_a_published_secret_signs_nothing(provider: Provider) -> None:
    provider.keys = {"a": SECRET, "b": RSA}
    assert (await ask(provider.gate(), bearing(signed(headers={"kid": "a"})))).status_code == 401
    assert (
        await ask(provider.gate(), bearing(hmac_by_hand(PEM.encode(), {"alg": "HS256", "kid": "b"})))
    ).status_code == 401


async def test_a_token_names_no_place_where_its_key_is(provider: Provider) -> None:
    provider.keys = {"a": RSA}
    with publishing() as evil:
        evil.keys = {"a": OTHER}
        token = signed(OTHER, "RS256", {"kid": "a", "jku": evil.url, "jwk": as_jwk(OTHER), "x5u": evil.url})
        assert (await ask(provider.gate(), bearing(token))).status_code == 401
        assert evil.asked == 0


async def test_a_key_that_was_withdrawn_is_forgotten(provider: Provider) -> None:
    provider.keys = {"a": RSA, "b": OTHER}
    gate = provider.gate()
    token = signed(RSA, "RS256", {"kid": "a"})
    assert (await ask(gate, bearing(token))).status_code == 200
    del provider.keys["a"]
    forget(gate)
    assert (await ask(gate, bearing(token))).status_code == 401


def forget(gate: Jwt) -> None:
    """As if the five minutes were over for which published keys are kept."""
    published = gate._published  # pyright: ignore[reportPrivateUsage]
    assert isinstance(published, PublishedKeys)
    cached = published._client.jwk_set_cache  # pyright: ignore[reportPrivateUsage]
    assert cached is not None
    cached.jwk_set_with_timestamp = None


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, None), (404, None), (302, None), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}'), (200, b"\xff")],
    ids=repr,
)
async def test_while_a_provider_is_away_no_token_is_called_bad(
    provider: Provider, status: int, body: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.keys, provider.status, provider.body = {"a": RSA}, status, body
    gate = provider.gate()
    token = bearing(signed(RSA, "RS256", {"kid": "a"}))
    for _ in range(3):
        answer = await ask(gate, token)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert provider.asked == 1
    provider.status, provider.body = 200, None
    now = time.monotonic()
    monkeypatch.setattr("bide.http.jwks.time.monotonic", lambda: now + 6)
    assert (await ask(gate, token)).status_code == 200


async def test_many_that_come_at_once_wait_for_one_answer_and_hold_up_nothing(provider: Provider) -> None:
    provider.keys = {"a": RSA}
    provider.hold.clear()
    gate = provider.gate()
    token = bearing(signed(RSA, "RS256", {"kid": "a"}))
    with ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        asking = [asyncio.create_task(ask(gate, token)) for _ in range(20)]
        async with asyncio.timeout(5):
            await asyncio.to_thread(provider.was_asked.wait)
        provider.hold.set()
        assert [(await task).status_code for task in asking] == [200] * 20
    assert provider.asked == 1
