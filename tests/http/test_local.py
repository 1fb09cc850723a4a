"""Who somebody is, and who is let in where nobody says who may do what."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http import Forbidden, Principal, Right, anyone, local_only
from bide.http.access import RIGHTS, USUAL
from bide.http.local import is_local_host
from tests.http.gate import app_behind, ask, ask_by_socket
from tests.http.server import Server, serving

JOB = UUID("01999f5e-3c1a-7b2d-9a4e-5f6071829304")


# ── Principals ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_principal_reaches_their_own_jobs_and_may_all_but_administer() -> None:
    ann = Principal("ann")
    assert (ann.owner, sorted(ann.rights), ann.job) == ("ann", ["answer", "cancel", "create", "view"], None)
    assert {right for right in RIGHTS if ann.may(right)} == USUAL


def test_an_administrator_may_everything() -> None:
    root = Principal("root", ["admin"], owner=None)
    assert all(root.may(right) for right in RIGHTS)
    assert root.owner is None


@pytest.mark.parametrize("right", sorted(USUAL))
def test_one_right_is_no_other(right: Right) -> None:
    who = Principal("ann", (one for one in (right,)))
    assert [other for other in sorted(RIGHTS) if who.may(other)] == [right]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"id": ""}, "needs a name"),
        ({"id": None}, "needs a name"),
        ({"id": 7}, "needs a name"),
        ({"id": "\ud800"}, "id="),
        ({"owner": "a\ud800"}, "owner="),
        ({"owner": 7}, "expected a text"),
        ({"owner": None}, "everybody's jobs"),
        ({"owner": ""}, "without an owner"),
        ({"rights": ["view", "fly"]}, "No such right: 'fly'"),
        ({"rights": [None]}, "No such right: None"),
        ({"rights": [["admin"]]}, "No such right"),
        ({"rights": "admin"}, "expected several"),
        ({"rights": "fly"}, "No such right: 'fly'"),
        ({"job": JOB}, "one job"),
        ({"job": JOB, "rights": ["admin"], "owner": None}, "one job"),
        ({"job": JOB, "rights": ["view", "create"]}, "one job"),
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"id": "ann", **options}
    with pytest.raises(InvalidOption, match=says):
        Principal(**given)


@pytest.mark.parametrize(
    "options",
    [
        {"rights": [], "owner": "acme"},
        {"rights": ["admin"], "owner": ""},
        {"rights": ["admin"], "owner": "acme"},
        {"rights": ["view"], "owner": "", "job": JOB},
    ],
    ids=repr,
)
def test_what_makes_sense_is_kept(options: dict[str, Any]) -> None:
    who = Principal("ann", **options)
    assert (who.owner, who.job) == (options["owner"], options.get("job"))


def test_a_principal_does_not_change() -> None:
    who = Principal("ann", ["view"])
    with pytest.raises(FrozenInstanceError):
        who.owner = None  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert replace(who, job=JOB) == Principal("ann", ["view"], "ann", JOB)


async def test_anyone_is_an_administrator() -> None:
    told = (await ask(anyone, {"Host": "example.com"}, client=("203.0.113.9", 1))).json()
    assert told == {"id": "anyone", "rights": ["admin"], "owner": None, "job": None}


# ── This machine only ────────────────────────────────────────────────────────────────────────────────────────────────

LOCAL = {"id": "local", "rights": ["admin"], "owner": None, "job": None}

PEERS = {
    "127.0.0.1": True,
    "127.8.9.1": True,
    "::1": True,
    "::ffff:127.0.0.1": True,
    "::ffff:10.0.0.1": False,
    "10.0.0.1": False,
    "172.17.0.1": False,
    "203.0.113.9": False,
    "0.0.0.0": False,
    "::": False,
    "fe80::1": False,
    "2001:db8::1": False,
    "testclient": False,
    "localhost": False,
    "": False,
}

HOSTS = {
    "localhost": True,
    "LocalHost:8000": True,
    "app.localhost": True,
    "my-app.my_team.localhost:5173": True,
    "127.0.0.1": True,
    "127.0.0.1:8000": True,
    "127.1.2.3": True,
    "[::1]": True,
    "[::1]:8000": True,
    "[0:0:0:0:0:0:0:1]": True,
    "": False,
    "example.com": False,
    "localhost.evil.com": False,
    "evil-localhost": False,
    "evillocalhost": False,
    "127.0.0.1.nip.io": False,
    "127.0.0.1.evil.com:80": False,
    "localhost.": False,
    ".localhost": False,
    "a..localhost": False,
    "-a.localhost": False,
    "localhost:": False,
    "localhost:8000:1": False,
    "localhost:port": False,
    "localhost, evil.com": False,
    "localhost evil.com": False,
    " localhost": False,
    "localhost\t": False,
    "localhost/evil.com": False,
    "evil.com/localhost": False,
    "evil.com#@localhost": False,
    "evil.com@localhost": False,
    "evil.com\\@localhost": False,
    "localhost?evil.com": False,
    "127.0.0.1:8000@evil.com": False,
    "127.0.0.01": False,
    "127.1": False,
    "2130706433": False,
    "0x7f.0.0.1": False,
    "0.0.0.0": False,
    "10.0.0.1": False,
    "128.0.0.1": False,
    "[::]": False,
    "::1": False,
    "[::1": False,
    "[::1].evil.com": False,
    "[::1%25lo]": False,
    "[127.0.0.1]": False,
    "[::ffff:127.0.0.1]": True,
    "[::ffff:10.0.0.1]": False,
    "loc\u017fhost": False,
    "\uff11\uff12\uff17.0.0.1": False,
}
"""What a `Host` header may say, and what it may not."""

ORIGINS = {
    "http://localhost": True,
    "http://localhost:5173": True,
    "https://app.localhost": True,
    "http://127.0.0.1:8000": True,
    "http://[::1]:3000": True,
    "null": False,
    "": False,
    "https://evil.com": False,
    "http://localhost.evil.com": False,
    "http://evil.com@localhost": False,
    "http://evil.com/http://localhost": False,
    "http://127.0.0.1.nip.io": False,
    "localhost": False,
    "file://": False,
    "file://localhost": False,
    "chrome-extension://localhost": False,
    "http://localhost http://evil.com": False,
}

HEADERS = {
    "Forwarded": "for=203.0.113.9",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "localhost",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Prefix": "/api",
    "X-Real-IP": "127.0.0.1",
    "Via": "1.1 proxy",
    "CF-Connecting-IP": "127.0.0.1",
    "True-Client-IP": "127.0.0.1",
    "Sec-Fetch-Site": "cross-site",
}
"""Each of them alone has it refused."""


def connection(**scope: Any) -> HTTPConnection:
    headers = [(b"host", b"localhost")]
    return HTTPConnection({"type": "http", "headers": headers, "client": ("127.0.0.1", 1), **scope})


async def test_a_program_of_this_machine_is_let_in() -> None:
    assert (await ask(local_only)).json() == LOCAL
    assert ask_by_socket(local_only) == LOCAL


@pytest.mark.parametrize(("peer", "allowed"), PEERS.items(), ids=repr)
async def test_only_peers_of_this_machine_are_let_in(peer: str, allowed: bool) -> None:
    assert (await ask(local_only, client=(peer, 1))).status_code == (200 if allowed else 403)
    assert ask_by_socket(local_only, client=(peer, 1)) == (LOCAL if allowed else 403)


@pytest.mark.parametrize(("host", "allowed"), HOSTS.items(), ids=ascii)
async def test_only_names_of_this_machine_are_answered(host: str, allowed: bool) -> None:
    assert is_local_host(host) is allowed
    if host.isascii():
        asked = connection(headers=[(b"host", host.encode())])
        if allowed:
            assert (await local_only(asked)).id == "local"
        else:
            with pytest.raises(Forbidden, match="another name"):
                await local_only(asked)


@pytest.mark.parametrize("hosts", [(), ("localhost", "localhost"), ("localhost", "evil.com")], ids=repr)
async def test_there_is_exactly_one_host(hosts: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden, match="another name"):
        await local_only(connection(headers=[(b"host", host.encode()) for host in hosts]))


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS.items(), ids=repr)
async def test_only_pages_of_this_machine_are_served(origin: str, allowed: bool) -> None:
    assert (await ask(local_only, {"Origin": origin})).status_code == (200 if allowed else 403)
    assert ask_by_socket(local_only, {"Origin": origin}) == (LOCAL if allowed else 403)


async def test_of_two_origins_both_are_looked_at() -> None:
    headers = [("Origin", "http://localhost"), ("Origin", "https://evil.com")]
    assert (await ask(local_only, headers)).status_code == 403


@pytest.mark.parametrize("name", HEADERS)
async def test_what_was_forwarded_or_sent_by_another_site_is_refused(name: str) -> None:
    assert (await ask(local_only, {name: HEADERS[name]})).status_code == 403
    assert ask_by_socket(local_only, {name: HEADERS[name]}) == 403


@pytest.mark.parametrize("site", ["none", "same-origin", "same-site"])
async def test_what_a_person_typed_or_a_page_of_here_sent_is_not(site: str) -> None:
    assert (await ask(local_only, {"Sec-Fetch-Site": site})).json() == LOCAL


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        ({"http_version": "1.0"}, "HTTP/1.0"),
        ({"client": None}, "another one"),
        ({"client": None, "server": ("/run/app.sock", None)}, "another one"),
        ({"client": ("/run/app.sock", 0)}, "another one"),
    ],
    ids=repr,
)
async def test_what_a_proxy_without_a_trace_looks_like_is_refused(scope: dict[str, Any], says: str) -> None:
    with pytest.raises(Forbidden, match=says):
        await local_only(connection(**scope))


async def test_a_refusal_names_the_remedy() -> None:
    with pytest.raises(Forbidden) as refused:
        await local_only(connection(client=None))
    assert "bide.router(authorize=…)" in str(refused.value)
    assert "authorize=bide.http.anyone" in str(refused.value)
    assert (refused.value.code, refused.value.retryable) == ("forbidden", False)


async def test_a_server_that_trusts_its_proxy_lets_no_peer_of_it_in() -> None:
    async with serving(app_behind(local_only), proxy_headers=True) as address, httpx.AsyncClient() as client:
        assert (await client.get(address)).json() == LOCAL
        assert (await client.get(address, headers={"X-Forwarded-For": "127.0.0.1"})).status_code == 403


async def test_a_unix_socket_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        server = Server(uvicorn.Config(app_behind(local_only), log_level="warning"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client:
                assert (await client.get("http://localhost/")).status_code == 403
        finally:
            server.told.set()
            await running


@given(st.ip_addresses(v=4), st.none() | st.integers(0, 65_535))
@example(ipaddress.IPv4Address("127.255.255.255"), 80)
def test_an_address_is_local_if_it_is_a_loopback_one(address: ipaddress.IPv4Address, port: int | None) -> None:
    written = f"{address}" if port is None else f"{address}:{port}"
    assert is_local_host(written) is address.is_loopback


NAMES = st.sampled_from(["localhost", "127.0.0.1", "[::1]", "app.localhost"])


@given(st.text(), NAMES, st.sampled_from("@/\\#?%,; \t\x00"))
def test_a_local_name_behind_anything_of_a_url_is_none(before: str, name: str, between: str) -> None:
    assert not is_local_host(before + between + name)


@given(NAMES, st.text(min_size=1))
def test_a_local_name_before_anything_but_a_port_is_none(name: str, after: str) -> None:
    is_port = after[0] == ":" and after.isascii() and after[1:].isdigit() and len(after) <= 6
    # "127.0.0.1" and a digit is another address of the same network; "localhost.localhost" is a name here too.
    if not after.endswith("localhost") and not (name == "127.0.0.1" and after[0].isdigit()):
        assert is_local_host(name + after) is is_port
