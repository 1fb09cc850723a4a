"""The skills contract, with a server that is killed by SIGKILL and started again between any two calls.

All tests of the contract run at once, each with a client and a thread of its own, against one server: they share its
restarts. Nothing in them is changed, so nothing that a client can see tells of the restarts.
"""

import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import pytest

from bide import Bide
from bide.testing import assert_sound
from tests.examples.service import test_contract
from tests.examples.service.server import PATIENCE, Client, Json, Killing, Server, until

TESTS: dict[str, Callable[[Client], None]] = {
    name: test for name, test in vars(test_contract).items() if name.startswith("test_")
}


@pytest.fixture(scope="module")
def killed(packages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with Server(tmp_path_factory.mktemp("killed"), **packages) as server:
        yield server


@pytest.fixture(scope="module")
def outcomes(killed: Server) -> dict[str, BaseException | None]:
    """How each test ended."""
    ended: dict[str, BaseException | None] = {}
    killing = Killing(killed, len(TESTS))

    def run(name: str, test: Callable[[Client], None]) -> None:
        try:
            with Client(killed, killing.wait) as client:
                test(client)
            ended[name] = None
        except BaseException as error:  # noqa: BLE001 - it is raised again in the test's own name
            ended[name] = error
        finally:
            killing.leave()

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in TESTS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@pytest.mark.parametrize("name", TESTS)
def test_nothing_changes_where_the_server_is_killed_between_any_two_calls(
    name: str, outcomes: dict[str, BaseException | None], killed: Server
) -> None:
    error = outcomes[name]
    if error is not None:
        raise error
    assert killed.kills > 20


async def test_the_database_is_sound_afterwards(
    outcomes: dict[str, BaseException | None], killed: Server, tmp_path: Path
) -> None:
    assert killed.process is not None
    killed.kill()
    async with Bide(f"sqlite:///{killed.folder / 'skills.db'}") as left:
        await assert_sound(left.store)


# ── Within a call ────────────────────────────────────────────────────────────────────────────────────────────────────


def begin(server: Server, path: str, body: Json, **headers: str) -> socket.socket:
    """Send a call, and leave the answer where it is."""
    sent = json.dumps(body).encode()
    lines = [f"POST /api/v2{path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Content-Type: application/json"]
    lines += [
        f"Content-Length: {len(sent)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + sent)
    return connection


def count(server: Server, query: str, *values: str) -> int:
    """What the database holds, read beside the server."""
    with closing(sqlite3.connect(server.folder / "skills.db", timeout=PATIENCE)) as db:
        return int(db.execute(query, values).fetchone()[0])


def until_there_is_one(server: Server, query: str, *values: str) -> None:
    until(lambda: count(server, query, *values) == 1)


JOBS = "select count(*) from bide_job where owner = ?"
ANSWERS = "select count(*) from bide_response where prompt = ?"


@pytest.mark.parametrize("recorded", [False, True], ids=["as it is sent", "as soon as it is recorded"])
def test_a_call_that_the_server_died_in_is_repeated_and_counts_once(
    recorded: bool, packages: dict[str, str], tmp_path: Path
) -> None:
    """The skills contract: a key makes one job, and an answer is accepted once or ignored, and never lost."""
    with Server(tmp_path, **packages) as server, Client(server) as client:
        for n in range(3):
            user, key = f"u{n}", f"click-{n}"
            new = {"task_description": test_contract.TASK, "user_id": user, "category": f"c{n}", "package": ""}
            with begin(server, "/skills/create", new, Idempotency_Key=key):
                if recorded:
                    until_there_is_one(server, JOBS, user)
                server.kill()
            server.start()
            made = [
                client.at_once("POST", "/skills/create", new, headers={"Idempotency-Key": key}).json()["job_id"]
                for _ in range(2)
            ]
            assert made[0] == made[1]
            job = str(made[0])
            assert count(server, JOBS, user) == 1
            assert client.job(job)["user_id"] == user

            prompt = str(client.prompt(job, "clarify")["prompt_id"])
            answer = {**test_contract.CLARIFIED, "prompt_id": prompt}
            with begin(server, f"/hitl/{job}/response", answer):
                if recorded:
                    until_there_is_one(server, ANSWERS, prompt)
                server.kill()
            server.start()
            again = client.answer(job, answer)["status"]
            assert again == "ignored" if recorded else again in {"accepted", "ignored"}
            client.prompt(job, "confirm")
            assert client.job(job)["hitl_response"]["answers"]["q1"] == "Never boil green tea"
            assert count(server, ANSWERS, prompt) == 1
