"""Tokens for one job: what they open, for how long, and with whose secret."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from starlette.requests import HTTPConnection

from bide import Settings
from bide.errors import InvalidDuration, InvalidOption
from bide.http import Jwt, Principal, Right, Unauthenticated
from bide.http.access import ONE_JOB
from bide.http.job_token import find_token, read, sign
from tests.http.gate import ask, ask_by_socket

OLD, NEW, OTHER = (SecretStr(letter * 32) for letter in "abc")
JOB = uuid4()
NOW = 1_800_000_000.0


def made(secrets: Sequence[SecretStr] = (NEW,), **options: Any) -> str:
    given: dict[str, Any] = {"rights": ["view"], "expires": "1h", "by": "ann", "now": NOW, **options}
    return sign(secrets, given.pop("job", JOB), given.pop("owner", "acme"), **given)


def forged(secret: SecretStr = NEW, algorithm: str = "HS256", without: str = "", **more: Any) -> str:
    good = {"aud": "bide:job", "job": str(JOB), "owner": "acme", "sub": "ann", "rights": ["view"], "exp": int(NOW) + 60}
    claims: dict[str, Any] = {**good, **more}
    claims.pop(without, None)
    key: Any = None if algorithm == "none" else secret.get_secret_value()
    return "bjt." + jwt.encode(claims, key, algorithm)


# ── What is in it ────────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    st.sets(st.sampled_from(sorted(ONE_JOB)), min_size=1), st.uuids(), st.text("abc é\n'"), st.text("xyz", min_size=1)
)
def test_what_was_signed_is_read(rights: set[Right], job: UUID, owner: str, by: str) -> None:
    token = made(rights=rights, job=job, owner=owner, by=by)
    assert token.startswith("bjt.")
    expires = datetime.fromtimestamp(NOW + 3_600, UTC)
    assert read([NEW], token, now=NOW) == Principal(by, rights, owner, job, expires_at=expires)


@pytest.mark.parametrize("rights", [["create"], ["admin"], ["view", "create"], ["view", "fly"], [], "view"], ids=repr)
def test_a_token_holds_rights_over_one_job_only(rights: Any) -> None:
    with pytest.raises(InvalidOption):
        made(rights=rights)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"by": ""}, InvalidOption),
        ({"by": "\ud800"}, InvalidOption),
        ({"owner": None}, InvalidOption),
        ({"expires": "soon"}, InvalidDuration),
        ({"expires": -1}, InvalidDuration),
        ({"expires": None}, InvalidDuration),
    ],
    ids=repr,
)
def test_a_token_that_makes_no_sense_is_not_signed(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        made(**options)


@pytest.mark.parametrize(("later", "valid"), [(0, True), (3_599, True), (3_600, False), (1e9, False)])
def test_a_token_expires(later: float, valid: bool) -> None:
    token = made()
    if valid:
        assert read([NEW], token, now=NOW + later).job == JOB
    else:
        with pytest.raises(Unauthenticated):
            read([NEW], token, now=NOW + later)


def test_the_time_is_now_unless_it_is_said() -> None:
    token = made(now=None, expires="10s")
    assert read([NEW], token).id == "ann"
    with pytest.raises(Unauthenticated):
        read([NEW], made(now=time.time() - 20, expires="10s"))


# ── Who signed it ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_secret_signs_and_all_are_accepted() -> None:
    before, after = made([OLD]), made([NEW, OLD])
    assert [read([NEW, OLD], token, now=NOW).job for token in (before, after)] == [JOB, JOB]
    assert read([NEW], after, now=NOW).job == JOB
    for secrets in ([NEW], [OTHER], []):
        with pytest.raises(Unauthenticated):
            read(secrets, before, now=NOW)


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_short_secret_signs_nothing_and_reads_nothing(secret: str) -> None:
    with pytest.raises(InvalidOption, match=r"secrets\.token_urlsafe\(32\)"):
        made([SecretStr(secret)])
    with pytest.raises(InvalidOption, match="32 bytes"):
        read([SecretStr(secret)], made(), now=NOW)


def test_a_missing_secret_is_asked_for() -> None:
    with pytest.raises(InvalidOption, match="BIDE_SECRETS"):
        made([])


FORGED = {
    "another secret": forged(OTHER),
    "none": forged(algorithm="none"),
    "another algorithm": forged(SecretStr("b" * 32 * 2), "HS512"),
    "for another audience": forged(aud="shop"),
    "for no audience": forged(without="aud"),
    "without an end": forged(without="exp"),
    "without a job": forged(without="job"),
    "without an owner": forged(without="owner"),
    "without rights": forged(without="rights"),
    "without a name": forged(without="sub"),
    "expired": forged(exp=int(NOW)),
    "an end that is no number": forged(exp=float("nan")),
    "an end that is a text": forged(exp="never"),
    "rights that are a text": forged(rights="view"),
    "rights that are a number": forged(rights=7),
    "rights that are numbers": forged(rights=["view", 7]),
    "every owner": forged(owner=None),
    "no job": forged(job=None),
    "a job that is none": forged(job="*"),
    "a job that is a list": forged(job=[str(JOB)]),
    "not yet": forged(nbf=int(time.time()) + 10**9),
    "no prefix": forged().removeprefix("bjt."),
    "two prefixes": "bjt." + forged(),
    "nothing": "",
    "only a prefix": "bjt.",
    "garbage": "bjt.a.b.c",
    "not of this alphabet": "bjt.é",
}


def test_what_is_forged_here_is_good_but_for_one_thing() -> None:
    assert read([NEW], forged(), now=NOW).job == JOB


def test_rights_that_are_not_for_pages_are_passed_over() -> None:
    assert read([NEW], forged(rights=["view", "admin", "create", "fly"]), now=NOW).rights == {"view"}
    assert read([NEW], forged(rights=["admin"]), now=NOW).rights == frozenset()


@pytest.mark.parametrize("how", FORGED)
def test_a_token_that_is_not_good_in_every_way_is_refused(how: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        read([NEW, OLD], FORGED[how], now=NOW)
    assert refused.value.challenge == 'Bearer error="invalid_token"'
    assert not FORGED[how] or FORGED[how] not in str(refused.value)


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(Unauthenticated):
        read([NEW], f"bjt.{text}", now=NOW)


async def test_a_token_for_a_job_is_none_for_a_gate_with_the_same_secret() -> None:
    token = made(now=None).removeprefix("bjt.")
    for audience in (None, "jobs"):
        gate = Jwt(key=NEW, algorithms=["HS256"], audience=audience)
        assert (await ask(gate, {"Authorization": f"Bearer {token}"})).status_code == 401


# ── Where it is sent ─────────────────────────────────────────────────────────────────────────────────────────────────

A, B = made(), made(by="ben")


@pytest.mark.parametrize(
    ("headers", "query", "found"),
    [
        ([], "", None),
        ([("Authorization", f"Bearer {A}")], "", A),
        ([("authorization", f"bearer {A}")], "", A),
        ([], f"token={A}", A),
        ([], f"after=3&token={A}&x", A),
        ([], f"token=%62jt%2E{A[4:]}", A),
        ([("Authorization", f"Bearer {A}")], f"token={B}", A),
        ([("Authorization", "Bearer another")], f"token={B}", None),
        ([("Authorization", "Basic YTpi")], f"token={B}", B),
        ([("Authorization", f"Basic {A}")], "", None),
        ([("Authorization", f"Bearer {A}"), ("Authorization", f"Bearer {B}")], "", None),
        ([], "token=another", None),
        ([], "token=", None),
        ([], f"Token={A}", None),
        ([], f"token={A}&token={B}", None),
        ([("X-API-Key", A)], "", None),
        ([("Cookie", f"token={A}")], "", None),
    ],
    ids=range(17),
)
def test_a_token_is_found(headers: list[tuple[str, str]], query: str, found: str | None) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "headers": raw, "query_string": query.encode()}
    assert find_token(scope) == found


async def test_a_browser_sends_it_with_an_event_source_or_a_websocket() -> None:
    async def authorize(connection: HTTPConnection) -> Principal:
        return read([NEW], find_token(connection.scope) or "")

    token = made(now=None, rights=["answer", "view"])
    told = {"id": "ann", "rights": ["answer", "view"], "owner": "acme", "job": str(JOB)}
    assert (await ask(authorize, path=f"/?token={token}")).json() == told
    assert ask_by_socket(authorize, path=f"/ws?token={token}") == told
    assert ask_by_socket(authorize) == 401


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def of(settings: Settings) -> list[str]:
    return [secret.get_secret_value() for secret in settings.secrets]


def test_there_is_no_secret_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIDE_SECRETS", raising=False)
    assert Settings().secrets == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a" * 32, ["a" * 32]),
        (f"{'a' * 32},{'b' * 40}", ["a" * 32, "b" * 40]),
        (f" {'a' * 32} ,", ["a" * 32]),
    ],
    ids=range(4),
)
def test_secrets_are_read_from_the_environment(text: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIDE_SECRETS", text)
    assert of(Settings()) == expected


@pytest.mark.parametrize("given", ["a" * 32, ["a" * 32], (SecretStr("a" * 32),), SecretStr("a" * 32)], ids=range(4))
def test_secrets_are_taken_as_an_argument(given: Any) -> None:
    assert of(Settings(secrets=given)) == ["a" * 32]


SHORT = "too short to be one"


@pytest.mark.parametrize("given", [SHORT, [SHORT], f"{'a' * 32},{SHORT}", (SecretStr(SHORT),)], ids=range(4))
def test_a_short_secret_is_refused_with_the_remedy_and_not_shown(given: Any) -> None:
    with pytest.raises(ValidationError, match=r"secrets\.token_urlsafe\(32\)") as refused:
        Settings(secrets=given)
    assert SHORT not in f"{refused.value} {refused.value.errors()}"


def test_secrets_are_not_shown() -> None:
    settings = Settings(secrets=("a" * 32,))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert "a" * 32 not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
