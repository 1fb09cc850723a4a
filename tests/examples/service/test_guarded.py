"""Who is let in, how much they may send, and what they are told when the database cannot do it."""

import json
import socket
import sqlite3
from contextlib import closing
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest

from tests.examples.service.server import PATIENCE, Client, Server, until
from tests.examples.service.test_contract import CLARIFIED, NO_PACKAGE, TASK

BODY = {"task_description": TASK}


class OpenServer(Server):
    """One that listens to all."""

    @property
    def command(self) -> list[str]:
        return [*super().command, "--host", "0.0.0.0"]


def root(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def assert_refused(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json().keys() == {"error", "request_id"}
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    "foreign", [{"Host": "evil.com"}, {"X-Forwarded-For": "10.0.0.1"}, {"Origin": "https://evil.com"}], ids=str
)
def test_only_this_machine_is_let_in(client: Client, foreign: dict[str, str]) -> None:
    """The skills contract: what is not of this machine, or names it otherwise, is a 403."""
    document = httpx.get(f"{root(client.server)}/openapi.json").json()
    told = "Only this machine is let in. Started with another --host, the service lets in all."
    job = client.create(TASK, **NO_PACKAGE)
    for path, methods in document["paths"].items():
        if path.startswith("/api/v2/"):
            for method in methods:
                address = root(client.server) + path.format(job_id=job)
                body = BODY if method == "post" else None
                assert_refused(httpx.request(method, address, json=body, headers=foreign), 403, told)


def test_its_own_names_are_this_machine_s(client: Client) -> None:
    for host in ("localhost", "127.0.0.1:80", "[::1]:8001"):
        answer = client.at_once("GET", "/health", headers={"Host": host})
        assert answer.status_code == 200, host


def test_told_to_listen_to_others_it_lets_them_in_and_bide_does_not(tmp_path: Path) -> None:
    with OpenServer(tmp_path) as server:
        foreign = {"Host": "evil.com"}
        made = httpx.post(f"{root(server)}/api/v2/skills/create", json=BODY, headers=foreign)
        assert made.status_code == 202
        assert httpx.get(f"{root(server)}/bide/jobs", headers=foreign).status_code == 403


@pytest.mark.parametrize("length", ["Content-Length: 100000000", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_long_is_refused_before_it_is_all_there(client: Client, length: str) -> None:
    """The skills contract: 413."""
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=PATIENCE) as connection:
        head = f"POST /api/v2/skills/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}"
        connection.sendall(f"{head}\r\n\r\n".encode())
        part = b" " * 0x10000
        chunk = part if "Length" in length else b"10000\r\n" + part + b"\r\n"
        connection.sendall(chunk * 20)
        answer = HTTPResponse(connection)
        answer.begin()
        told = json.loads(answer.read())
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/json")
    assert told.keys() == {"error", "request_id"}
    assert told["error"] == "The body is longer than 1,048,576 bytes."
    assert client.call("GET", "/health").status_code == 200


def test_a_description_of_space_is_none(client: Client) -> None:
    """The skills contract: 10 characters, not counting space around them."""
    for description in (" " * 12, "  a tea  \n\n "):
        answer = client.call("POST", "/skills/create", {"task_description": description})
        assert answer.status_code == 422
        assert answer.json()["details"][0]["path"] == "/task_description"


def test_nobody_is_said_to_have_answered_who_did_not(client: Client) -> None:
    """The skills contract: it is recorded as `anonymous`."""
    job = client.create(TASK, user_id="ana", **NO_PACKAGE)
    client.prompt(job, "clarify")
    client.accepted(job, CLARIFIED)
    asked = httpx.get(f"{root(client.server)}/bide/jobs/{job}/prompts?open=false").json()["items"]
    assert asked[0]["answer"]["by"] == "anonymous"


def test_a_busy_database_is_a_503_that_does_not_tell_where_it_is(tmp_path: Path) -> None:
    """The skills contract: errors."""
    with Server(tmp_path, BIDE_BUSY_TIMEOUT="300ms") as server, Client(server) as client:
        with closing(sqlite3.connect(tmp_path / "skills.db", isolation_level=None, timeout=PATIENCE)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = client.call("POST", "/skills/create", BODY)
            other.execute("ROLLBACK")
        assert_refused(answer, 503, "The database cannot do it now. Try again.")
        assert answer.headers["Retry-After"] == "1"
        path = str(tmp_path / "skills.db")
        # Whichever of the two waits ended first says so: the caller's, or that of SQLite in the writing thread.
        until(lambda: f"store_busy: {path} " in server.log.read_text())
        assert client.call("POST", "/skills/create", BODY).status_code == 202
