"""The app behind the browser's tests: every model of the forms' tests is asked for by a job, and a page shows it.

    python server.py DATABASE

It prints its address, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, field_validator

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "react" / "tests"), str(HERE.parents[1] / "src")]

import models  # noqa: E402 - found by the lines above

from bide import Answers, Bide, Clarify, Confirm, Form, JobContext, Option, Proceed, Question, Revise  # noqa: E402

POLICY = "default-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""No inline style, no inline script, no eval, nothing from elsewhere."""


class Lines(BaseModel):
    """With a rule that no schema tells."""

    text: str

    @field_validator("text")
    @classmethod
    def even(cls, text: str) -> str:
        if len(text) % 2:
            raise ValueError("an even number of letters is wanted")
        return text


ASKED: list[tuple[type[BaseModel], object]] = [*models.CASES, *models.MORE, (Lines, {"text": "even"})]
CASES = {model.__name__: (model, answer) for model, answer in ASKED}

bide = Bide(sys.argv[1])


@bide.job(expose=True, forms=[model for model, _ in CASES.values()])
async def fill_in(ctx: JobContext, model: str) -> bool:
    """Whether the answer is the one that was wanted."""
    kind, wanted = CASES[model]
    given: Any = await ctx.ask("form", Form(kind))
    return bool(given == kind.model_validate_json(json.dumps(wanted)))


@bide.job(expose=True, forms=[models.Texts])
async def fill_in_twice(ctx: JobContext) -> str:
    """For two who answer the same question."""
    given = await ctx.ask("form", Form(models.Texts, title="Some texts"), timeout="1h")
    return given.short


@bide.job(expose=True)
async def write(ctx: JobContext, topic: str) -> str:
    """Asks, shows progress, shows a draft, and takes feedback."""
    ctx.progress(10, "Thinking")
    tone: Answers = await ctx.ask(
        "tone",
        Clarify(
            Question(text="Which tone?", options=[Option(id="warm", label="Warm"), Option(id="dry", label="Dry")]),
            "For whom?",
        ),
    )
    ctx.progress(50, "Writing")
    text = f"On {topic}, {tone.answers['q0']}, for {tone.answers['q1']}"
    for n in range(3):
        match await ctx.ask(f"publish-{n}", Confirm(summary=text, key_assumptions=["It is short"])):
            case Proceed():
                return text
            case Revise(feedback=feedback):
                text = f"{text} ({feedback})"
    return text


app = FastAPI()
app.include_router(bide.router(), prefix="/api")


@app.middleware("http")
async def with_policy(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = POLICY
    return response


requests: list[str] = []
streams: list[str] = []


class Count:
    """Notes the path of each request, and of each stream while it is open."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        requests.append(path)
        if not path.endswith("/events"):
            return await self._app(scope, receive, send)
        streams.append(path)
        try:
            return await self._app(scope, receive, send)
        finally:
            streams.remove(path)


app.add_middleware(Count)


@app.get("/tests/counted")
async def counted() -> dict[str, list[str]]:
    return {"requests": [path for path in requests if path.startswith("/api")], "streams": streams}


app.mount("/", StaticFiles(directory=HERE / "dist", html=True))


async def main() -> None:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who comes before the app has started waits, and is not refused
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        serving = asyncio.create_task(server.serve([listening]))
        await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone
        server.should_exit = True
        await serving


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
