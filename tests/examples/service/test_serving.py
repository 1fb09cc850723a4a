"""The server as a process: its streams, its end, its patience and its command line."""

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.examples.service.server import PATIENCE, Client, Json, Server, until
from tests.examples.service.test_contract import CLARIFIED, NO_PACKAGE, STATE, TASK, YES, through

Told = tuple[str, int, Json]


@contextmanager
def stream(client: Client, job: str) -> Generator[Iterator[Told]]:
    """The events of a job's stream, as name, number and data."""
    url = f"http://127.0.0.1:{client.server.port}/api/v2/skills/{job}/stream"
    with httpx.stream("GET", url, timeout=PATIENCE) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Told]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], int(fields["id"]), json.loads(fields["data"])
            fields = {}


def test_a_stream_begins_with_the_job_as_it_is_tells_its_changes_and_ends_with_it(client: Client) -> None:
    """The skills contract: GET /skills/{id}/stream."""
    job = client.create(TASK, **NO_PACKAGE)
    client.prompt(job, "clarify")
    with stream(client, job) as events:
        name, number, state = next(events)
        assert (name, state["status"], state["hitl_type"]) == ("snapshot", "pending_hitl", "clarify")
        assert state.keys() == STATE
        client.accepted(job, CLARIFIED)
        seen: list[Told] = []
        left = ["confirm", "preview", "validate"]
        for event in events:
            seen.append(event)
            if left and event[2].get("hitl_type") == left[0]:
                # To be shown in a stream is not to be asked: the question is read before it is answered.
                client.prompt(job, left.pop(0))
                client.accepted(job, YES)
    *changes, (last, _, end) = seen
    assert (last, end) == ("end", {"job_id": job, "status": "completed"})
    assert {name for name, _, _ in changes} == {"job"}
    numbers = [number, *(number for _, number, _ in changes)]
    assert numbers == sorted(set(numbers))
    assert changes[-1][2]["status"] == "completed"
    with stream(client, job) as events:
        assert [(name, data["status"]) for name, _, data in events] == [("snapshot", "completed"), ("end", "completed")]


def test_told_to_stop_the_server_ends_its_streams_and_goes_on_when_it_is_started_again(tmp_path: Path) -> None:
    with Server(tmp_path) as server, Client(server) as client:
        job = client.create(TASK, **NO_PACKAGE)
        client.prompt(job, "clarify")
        seen: list[Told] = []
        opened = threading.Event()

        def watch() -> None:
            with stream(client, job) as events:
                for event in events:
                    seen.append(event)
                    opened.set()

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        assert opened.wait(PATIENCE)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) in (0, -signal.SIGTERM)
        watching.join(PATIENCE)
        assert not watching.is_alive()
        # Perhaps that the question was shown, and nothing else: no end, since the job has not ended.
        assert {name for name, _, _ in seen} <= {"snapshot", "job"}
        server.start()
        with stream(client, job) as events:
            assert next(events)[2]["hitl_type"] == "clarify"
        assert through(client, job, "clarify", "confirm", "preview", "validate")["status"] == "completed"


def test_a_question_that_nobody_answers_fails_the_job(tmp_path: Path) -> None:
    """The skills contract: HITL interaction timed out."""
    with Server(tmp_path, BIDE_SKILLS_PATIENCE="300ms", BIDE_POLL="50ms") as server, Client(server) as client:
        job = client.create(TASK, **NO_PACKAGE)
        until(lambda: client.job(job)["status"] == "failed")
        over = client.prompt(job)
        assert (over["error"], over["type"], over["saved_path"]) == ("HITL interaction timed out", None, None)
        late = client.answer(job, CLARIFIED)
        assert late["status"] == "ignored"


def test_the_document_of_the_api_names_every_route(client: Client) -> None:
    document = httpx.get(f"http://127.0.0.1:{client.server.port}/openapi.json").json()
    assert sorted(path for path in document["paths"] if not path.startswith("/bide/")) == [
        "/api/v2/drafts/{job_id}/promote",
        "/api/v2/health",
        "/api/v2/hitl/config",
        "/api/v2/hitl/{job_id}/prompt",
        "/api/v2/hitl/{job_id}/response",
        "/api/v2/jobs",
        "/api/v2/jobs/{job_id}",
        "/api/v2/skills/create",
        "/api/v2/skills/{job_id}/stream",
        "/api/v2/taxonomy/",
    ]


def test_what_it_cannot_start_with_is_told_and_nothing_is_served(tmp_path: Path) -> None:
    server = Server(tmp_path, BIDE_SKILLS_MODEL="nobody:none")
    cases: list[tuple[list[str], str]] = [
        ([], "BIDE_SKILLS_MODEL"),
        (["--database", "mysql://elsewhere"], "'mysql://elsewhere' is not"),
    ]
    for further, complaint in cases:
        ended = subprocess.run(
            [*server.command, *further],
            env=server.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (2, "")
        assert complaint in ended.stderr


def test_where_its_port_is_taken_it_says_so_and_opens_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with socket.create_server(("127.0.0.1", server.port)):
        ended = subprocess.run(
            server.command, cwd=tmp_path, env=server.environment, capture_output=True, text=True, check=False
        )
    assert ended.returncode == 2
    assert "cannot be listened on" in ended.stderr
    assert list(tmp_path.glob("skills.db*")) == []
