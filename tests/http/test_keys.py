"""API keys over real requests: who brings one, how they rotate, and what is refused before it can be kept."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from bide.errors import InvalidOption
from bide.http import ApiKeys, Unauthenticated
from bide.http.bearer import bearer
from tests.http.test_access import connection, guarded

TEXT, KEY = ApiKeys.issue("ci", principal="ann")
OTHER, OTHER_KEY = ApiKeys.issue("other", principal="eve")
ID = "01999f5e-3c1a-7b2d-9a4e-5f6071829304"

Headers = Sequence[tuple[str, str]]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Authorization", f"Bearer {TEXT}")], 200),
        ([("Authorization", f"BEARER {TEXT}")], 200),
        ([("Authorization", f"Bearer   {TEXT}")], 200),
        ([("X-API-Key", TEXT)], 200),
        ([("Authorization", "Basic YW5uOnBhc3M="), ("X-API-Key", TEXT)], 200),
        ([], 401),
        # Something in front may have checked the other one of the two.
        ([("Authorization", f"Bearer {TEXT}"), ("Authorization", f"Bearer {OTHER}")], 401),
        ([("Authorization", f"Bearer {TEXT}"), ("Authorization", "Bearer nonsense")], 401),
        ([("Authorization", "Basic YW5uOnBhc3M="), ("Authorization", f"Bearer {TEXT}")], 401),
        ([("X-API-Key", TEXT), ("X-API-Key", OTHER)], 401),
        ([("Authorization", f"Bearer {TEXT}, Bearer {OTHER}")], 401),
        ([("Authorization", f"Bearer {TEXT}{TEXT}")], 401),
        ([("Authorization", f"Bearer {TEXT.upper()}")], 401),
        ([("Authorization", f"Bearer\t{TEXT}")], 401),
        ([("Authorization", "Bearer")], 401),
        ([("Authorization", "Bearer bide_ci_" + "A" * 43)], 401),
        ([("Authorization", "Bearer bjt." + TEXT)], 401),
        ([("X-API-Key", "bide_ci_\u00e9" + "A" * 42)], 401),
        ([("X-API-Key", KEY.digest)], 401),
        ([("Cookie", f"X-API-Key={TEXT}")], 401),
    ],
)
async def test_who_brings_a_key_is_let_in_and_nobody_else(tmp_path: Path, headers: Headers, status: int) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    async with guarded(tmp_path, ApiKeys([KEY, OTHER_KEY])) as client:
        answer = await client.get("/jobs", headers=raw)
        assert answer.status_code == status, answer.text
        # It is no key in an address, which is logged and kept in a history.
        assert (await client.get("/jobs", params={"token": TEXT, "api_key": TEXT})).status_code == 401


async def test_a_socket_takes_a_key_too(tmp_path: Path) -> None:
    async with guarded(tmp_path, ApiKeys([KEY])) as client:
        path = str(client.base_url.join(f"/jobs/{ID}/ws")).replace("http", "ws", 1)
        async with websockets.connect(path, additional_headers={"Authorization": f"Bearer {TEXT}"}) as socket:
            assert '"not_found"' in str(await socket.recv())
        for odd in ({}, {"Authorization": f"Bearer {OTHER}"}):
            with pytest.raises(InvalidStatus) as refused:
                async with websockets.connect(path, additional_headers=odd):
                    pass
            assert refused.value.response.status_code == 401


async def test_two_keys_of_one_principal_rotate(tmp_path: Path) -> None:
    new, new_key = ApiKeys.issue("ci-2", principal="ann")
    leaving = KEY.model_copy(update={"expires_at": datetime.now(UTC) + timedelta(hours=1)})
    gone = KEY.model_copy(update={"expires_at": datetime.now(UTC)})
    for known, open_to in (([KEY], {TEXT}), ([leaving, new_key], {TEXT, new}), ([gone, new_key], {new})):
        async with guarded(tmp_path, ApiKeys(known)) as client:
            for text in (TEXT, new):
                answer = await client.get("/jobs", headers={"X-API-Key": text})
                assert answer.status_code == (200 if text in open_to else 401)


async def test_one_that_is_not_known_is_compared_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for text in ("bide_nobody_" + "A" * 43, "nonsense", ""):
        with pytest.raises(Unauthenticated):
            await ApiKeys([KEY])(connection(x_api_key=text))
    assert len(compared) == 3
    assert {len(text) for pair in compared for text in pair} == {64}


async def test_a_key_is_in_no_log_and_in_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    async with guarded(tmp_path, ApiKeys([KEY])) as client:
        for text in (TEXT, OTHER):
            answer = await client.get("/jobs", headers={"X-API-Key": text})
            assert text not in answer.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("bide")]
    assert not any("bide_ci_" in line or "bide_other_" in line for line in ours)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"id": "boss", "rights": ["view"], "owner": None}, "everybody's jobs"),
        ({"id": "a_b"}, "pattern"),
        ({"id": ""}, "pattern"),
        ({"id": "\u00e9"}, "pattern"),
        ({"id": "x" * 65}, "pattern"),
        ({"id": "ci", "digest": "secret"}, "pattern"),
        ({"id": "ci", "expires_at": "2026-01-01T00:00:00"}, "timezone"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_where_it_is_kept_and_not_when_it_is_used(
    odd: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidOption, match=said):
        ApiKeys.from_json(f"[{json.dumps({'digest': '0' * 64, **odd})}]")


def test_an_expiry_has_a_time_zone() -> None:
    with pytest.raises(InvalidOption, match="time zone"):
        ApiKeys.issue("ci", expires_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_a_bearer_is_read_from_one_header_only() -> None:
    assert bearer(connection(authorization="Bearer a")) == "a"
    twice = connection(authorization="Bearer a")
    twice.scope["headers"].append((b"authorization", b"Bearer b"))
    assert bearer(connection()) is None
    assert bearer(type(twice)(twice.scope)) is None
