"""A client of the service: it creates the skill, reads what is asked and answers, over HTTP as any page would."""

from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from bide import PromptView
from examples.skills.demo.server import HOST
from examples.skills.service.routes import PREFIX

SECONDS = 30


class Client:
    """In a `with` block. Raises httpx.HTTPError where the server is not there or refuses what nobody should refuse."""

    def __init__(self, port: int) -> None:
        self.address = f"http://{HOST}:{port}"
        # A connection for each call: the server is killed now and then, and leaves dead ones behind.
        headers = {"Connection": "close"}
        self._http = httpx.Client(base_url=f"{self.address}{PREFIX}", headers=headers, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._http.close()

    def create(self, package: str, user: str) -> UUID:
        """Start a skill for a package."""
        task = f"Write a skill for the Python package {package}"
        answer = self._http.post(
            "/skills/create", json={"task_description": task, "user_id": user, "package": package}
        ).raise_for_status()
        return UUID(answer.json()["job_id"])

    def prompt(self, job: UUID) -> PromptView | None:
        """What is asked now."""
        shown: dict[str, Any] = self._http.get(f"/hitl/{job}/prompt").raise_for_status().json()
        if shown["prompt_id"] is None:
            return None
        return PromptView(
            id=shown["prompt_id"],
            job_id=job,
            key=shown["type"],
            kind=shown["type"],
            data=_as_the_terminal_shows_it(shown),
            schema_={},
            status="open",
            opened_at=datetime.now(UTC),
        )

    def respond(self, prompt: PromptView, response: dict[str, Any]) -> list[dict[str, str]] | None:
        """Answer. None where it was taken; else what is wrong with it, to be put right."""
        body = {**response, "prompt_id": str(prompt.id)}
        answer = self._http.post(f"/hitl/{prompt.job_id}/response", json=body)
        if answer.status_code == 422:
            details: list[dict[str, str]] = answer.json()["details"]
            return details
        answer.raise_for_status()
        return None

    def discard_draft(self, job: UUID) -> None:
        """The skill has been saved: its draft is put in its place once more, and deleted."""
        self._http.post(f"/drafts/{job}/promote", json={"delete_draft": True}).raise_for_status()


def _as_the_terminal_shows_it(shown: dict[str, Any]) -> dict[str, Any]:
    """By the names of Bide's own kinds. The document has been shown before it is validated."""
    match shown["type"]:
        case "clarify":
            return {**shown, "questions": [{**question, "free_text": True} for question in shown["questions"]]}
        case "validate":
            return {**shown, "content": None, "path": shown["saved_path"], "score": shown["validation_score"]}
        case _:
            return shown
