"""API keys: which open, for whom, and what nobody learns from one that does not."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from bide.errors import InvalidOption
from bide.http import ApiKey, ApiKeys
from tests.http.gate import app_behind, ask, ask_by_socket

TEXT, KEY = ApiKeys.issue("ci-1", principal="ci", rights=["view", "create"], owner="acme")
CI = {"id": "ci", "rights": ["create", "view"], "owner": "acme", "job": None}
DIGEST = "0" * 64


def bearing(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def assert_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer.json() == {"detail": "This key opens nothing."}


def test_a_key_has_its_id_and_256_random_bits_and_only_a_digest_is_kept() -> None:
    assert TEXT.startswith("bide_ci-1_")
    assert len(TEXT) == len("bide_ci-1_") + 43
    assert hashlib.sha256(TEXT.encode()).hexdigest() == KEY.digest
    assert len({ApiKeys.issue("a")[0] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TEXT}"},
        {"authorization": f"bEARER  {TEXT} "},
        {"X-API-Key": TEXT},
        {"Authorization": "Basic YTpi", "X-API-Key": TEXT},
        {"Authorization": f"Bearer {TEXT}", "X-API-Key": "bide_other"},
    ],
    ids=range(5),
)
async def test_a_key_opens_by_either_header_over_http_and_websockets(headers: dict[str, str]) -> None:
    keys = ApiKeys([ApiKeys.issue("other")[1], KEY])
    assert (await ask(keys, headers)).json() == CI
    assert ask_by_socket(keys, headers) == CI


OPENS: list[tuple[dict[str, Any], str, str | None, str]] = [
    ({}, "a", "a", "answer cancel create view"),
    ({"principal": "ci"}, "ci", "ci", "answer cancel create view"),
    ({"rights": []}, "a", "a", ""),
    ({"rights": ["admin"], "owner": None}, "a", None, "admin"),
    ({"rights": ["admin"], "owner": "acme"}, "a", "acme", "admin"),
]


@pytest.mark.parametrize(("options", "id", "owner", "rights"), OPENS, ids=repr)
async def test_a_key_opens_for_its_principal(options: dict[str, Any], id: str, owner: str | None, rights: str) -> None:
    text, key = ApiKeys.issue("a", **options)
    for keys in (ApiKeys([key]), ApiKeys.from_json(ApiKeys.to_json([key]))):
        told = (await ask(keys, bearing(text))).json()
        assert (told["id"], told["owner"], told["rights"]) == (id, owner, rights.split())


async def test_keys_of_one_principal_rotate() -> None:
    old, new = ApiKeys.issue("1", principal="ci"), ApiKeys.issue("2", principal="ci")
    both, later = ApiKeys([old[1], new[1]]), ApiKeys([new[1]])
    assert [(await ask(both, bearing(text))).json()["id"] for text, _ in (old, new)] == ["ci", "ci"]
    assert (await ask(later, bearing(new[0]))).status_code == 200
    assert_refused(await ask(later, bearing(old[0])))


@pytest.mark.parametrize("left", [timedelta(0), timedelta(seconds=-1), timedelta(days=-400)], ids=str)
async def test_a_key_that_has_expired_opens_nothing(left: timedelta) -> None:
    text, key = ApiKeys.issue("a", expires_at=datetime.now(UTC) + left)
    assert_refused(await ask(ApiKeys([key]), bearing(text)))


async def test_a_key_opens_until_it_expires() -> None:
    text, key = ApiKeys.issue("a", expires_at=datetime.now(UTC) + timedelta(minutes=1))
    assert (await ask(ApiKeys([key]), bearing(text))).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1],
        TEXT + "A",
        TEXT[:-1] + ("A" if TEXT[-1] != "A" else "B"),
        TEXT.replace("ci-1", "ci-2"),
        TEXT.replace("ci-1", "CI-1"),
        TEXT.removeprefix("bide_"),
        KEY.digest,
        "bide_ci-1_" + "A" * 43,
        "bide_nobody_" + "A" * 43,
        "bide_ci-1_",
        "x",
        "\x7f~",
    ],
    ids=range(12),
)
async def test_what_is_no_key_opens_nothing_and_all_are_refused_alike(text: str) -> None:
    keys = ApiKeys([KEY, ApiKey(id="ci-2", digest=DIGEST)])
    assert_refused(await ask(keys, [("X-API-Key", text)]))
    assert ask_by_socket(keys, {"X-API-Key": text}) == 401


@pytest.mark.parametrize(
    "headers",
    [[], [("Authorization", "Bearer")], [("Authorization", f"Basic {TEXT}")], [("X-API-Key", "")]],
    ids=["none", "no token", "another scheme", "empty"],
)
async def test_who_brings_no_key_is_asked_for_one(headers: list[tuple[str, str]]) -> None:
    answer = await ask(ApiKeys([KEY]), headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_two_keys_are_none() -> None:
    for name, text in (("Authorization", f"Bearer {TEXT}"), ("X-API-Key", TEXT)):
        assert (await ask(ApiKeys([KEY]), [(name, text), (name, text)])).status_code == 401


@pytest.mark.parametrize("known", [True, False])
async def test_as_much_is_compared_for_a_key_that_is_unknown(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    compare = hmac.compare_digest

    def counted(a: str, b: str) -> bool:
        seen.append((a, b))
        return compare(a, b)

    keys = ApiKeys([KEY])
    text = TEXT if known else TEXT.replace("ci-1", "ci-2")
    monkeypatch.setattr(hmac, "compare_digest", counted)
    await ask(keys, bearing(text))
    assert [(len(a), len(b)) for a, b in seen] == [(64, 64)]


# ── Found in a database of one's own ─────────────────────────────────────────────────────────────────────────────────


async def test_a_function_finds_keys_by_their_id() -> None:
    asked: list[str] = []

    async def find(id: str) -> ApiKey | None:
        asked.append(id)
        return KEY if id == "ci-1" else None

    assert (await ask(ApiKeys(find), bearing(TEXT))).json() == CI
    assert_refused(await ask(ApiKeys(find), bearing("bide_other_" + TEXT[-43:])))
    assert_refused(await ask(ApiKeys(find), bearing("'; drop table keys --")))
    assert asked == ["ci-1", "other"]


async def test_a_function_that_blocks_is_called_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    def find(id: str) -> ApiKey | None:
        threads.append(threading.current_thread())
        return KEY

    assert (await ask(ApiKeys(find), bearing(TEXT))).json() == CI
    assert threading.current_thread() not in threads


async def test_an_object_may_find_them_too() -> None:
    class Vault:
        async def __call__(self, id: str) -> ApiKey | None:
            return KEY

    assert (await ask(ApiKeys(Vault()), bearing(TEXT))).json() == CI


async def test_a_function_that_finds_another_ones_key_opens_nothing() -> None:
    """As a database may that takes `a` and `A` for one."""
    assert_refused(await ask(ApiKeys(lambda _: KEY), bearing(TEXT.replace("ci-1", "CI-1"))))


# ── Kept in a file ───────────────────────────────────────────────────────────────────────────────────────────────────

PASTED = "a-secret-in-the-place-of-its-digest"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("", "Invalid JSON"),
        ("{}", "the list"),
        ([{"id": "a", "digest": PASTED}], "0.digest"),
        ([{"id": "a"}], "0.digest"),
        ([{"id": "a_b", "digest": DIGEST}], "0.id"),
        ([{"id": "", "digest": DIGEST}], "0.id"),
        ([{"id": "a", "digest": DIGEST, "expire_at": "2020-01-01T00:00:00Z"}], "0.expire_at"),
        ([{"id": "a", "digest": DIGEST, "expires_at": "2020-01-01T00:00:00"}], "0.expires_at"),
        ([{"id": "a", "digest": DIGEST, "rights": ["fly"]}], "0.rights"),
        ([{"id": "a", "digest": DIGEST, "owner": None}], "everybody's jobs"),
        ([{"id": "a", "digest": DIGEST}] * 2, "Two keys have the id 'a'"),
    ],
    ids=range(11),
)
def test_keys_that_make_no_sense_are_refused_at_once(keys: Any, says: str) -> None:
    with pytest.raises(InvalidOption, match=says) as refused:
        ApiKeys.from_json(keys if isinstance(keys, str) else json.dumps(keys))
    assert PASTED not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    "options",
    [
        {"id": "a_b"},
        {"id": ""},
        {"id": "a b"},
        {"id": "a" * 65},
        {"id": "a\n"},
        {"rights": ["fly"]},
        {"owner": None},
        {"expires_at": datetime(2099, 1, 1)},  # noqa: DTZ001 - that it has no zone is the point
    ],
    ids=repr,
)
def test_no_key_is_issued_that_makes_no_sense(options: dict[str, Any]) -> None:
    given: dict[str, Any] = {"id": "a", **options}
    with pytest.raises(InvalidOption):
        ApiKeys.issue(**given)


async def test_no_secret_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = ApiKeys([KEY])
    answer = await ask(keys, bearing(TEXT[:-1]))
    shown = [repr(KEY), str(KEY), repr(keys), answer.text, *caplog.messages, ApiKeys.to_json([KEY])]
    assert not [text for text in shown if TEXT[-43:-1] in text]
    assert KEY.digest not in repr(KEY)
    with pytest.raises(ValidationError) as invalid:
        ApiKey(id="a", digest=PASTED)
    assert PASTED not in str(invalid.value)


def test_the_document_tells_how_to_authenticate() -> None:
    app: FastAPI = app_behind(ApiKeys([KEY]))
    document = app.openapi()
    scheme = document["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "X-API-Key" in scheme["description"]
    assert document["paths"]["/"]["get"]["security"] == [{"ApiKey": []}]
