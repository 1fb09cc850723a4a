"""A Bide behind the HTTP API, for the commands: the calls they make, over httpx.

A problem becomes the error that it was at the server, so a command need not know where its jobs are. What a lost
connection leaves open is said; nothing that changes anything is sent twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Annotated, Any, NamedTuple, Self, TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel, BeforeValidator, ValidationError

from bide import errors as e
from bide.cli.session import is_loopback, refuse_by
from bide.clock import microseconds
from bide.codec import encode
from bide.events import Event
from bide.hitl import PromptView, Receipt
from bide.job import TERMINAL, Job, JobStatus
from bide.portal import Portal
from bide.schedule import Duration, seconds
from bide.store.base import Stats
from bide.version import VERSION

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

PATIENCE = 30.0
"""Seconds for which a server that has answered before may be away: it is started anew, say."""

CONNECT = 10.0
ANSWER = 30.0
SILENCE = 45.0
"""Seconds without a byte after which a stream counts as cut: a server shows every 15 that it lives."""
CLEANUP = 3_600.0

RESTARTING = frozenset({502, 503, 504})
"""What a server that is about to end answers, or the proxy before one that has ended."""

# Anything else is no header, and an error about it would quote the token.
_TOKEN = re.compile(r"[\x21-\x7e]+")


class ServerRefused(e.BideError):
    """The server does not do it, for a reason that has no class of its own here."""

    code = "refused"


class NotLetIn(e.BideError):
    """The server does not know who asks, or they may not."""

    code = "not_let_in"


class RemoteBide:
    """What the commands use of a `Bide`, at `url`: the address under which its router is mounted.

    Raises InvalidOption for an address or a token that cannot be one.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self.address = _address(url)
        self._headers = {"Accept": "application/json", "User-Agent": f"bide/{VERSION}"}
        self._with_token = token is not None
        if token is not None:
            if not _TOKEN.fullmatch(token):
                raise e.InvalidOption(
                    "The token holds what no header can.", hint="It is one word of ASCII, without spaces or new lines."
                )
            self._headers["Authorization"] = f"Bearer {token}"
        self._client: httpx.AsyncClient | None = None
        self._portal: Portal | None = None
        self._reached = False

    # ── Life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            base_url=self.address,
            headers=self._headers,
            timeout=httpx.Timeout(ANSWER, connect=CONNECT, pool=None),
            # No proxy reaches this very machine for us.
            trust_env=not is_loopback(httpx.URL(self.address).host),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def run(self, op: Coroutine[Any, Any, T], /) -> T:
        """Run a call of this on an event loop in a thread, and wait for it."""
        if self._portal is None:
            self._portal = Portal()
            self._portal.call(self.__aenter__())
        return self._portal.call(op)

    def close(self) -> None:
        """End what `run` began."""
        portal, self._portal = self._portal, None
        if portal is not None:
            try:
                portal.call(self.__aexit__(None, None, None))
            finally:
                portal.close()

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def get(self, job: UUID, /) -> Job[Any]:
        return self._read(_Job, await self._send("GET", f"/jobs/{job}"))

    async def list(
        self,
        *,
        statuses: Iterable[JobStatus] = (),
        types: Iterable[str] = (),
        queues: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[Job[Any]]:
        """Jobs, newest first, without their results."""
        query: dict[str, Any] = {
            "status": [status.value for status in statuses],
            "type": list(types),
            "queue": list(queues),
            "label": [f"{name}={value}" for name, value in (labels or {}).items()],
            "limit": limit,
        }
        if before is not None:
            query["before"] = str(before)
        return self._read(_Jobs, await self._send("GET", "/jobs", query=query)).items

    async def history(self, job: UUID, /, *, after: int = 0) -> Sequence[Event]:
        response = await self._send("GET", f"/jobs/{job}/history", query={"after": after, "limit": 1_000})
        return self._read(_Events, response).items

    async def events(self, job: UUID, /, *, after: int = 0) -> AsyncGenerator[Event]:
        """The job's events above `after` as they happen, to the last one; a stream that is cut is taken up again."""
        patience = _Patience()
        while True:
            begun = after
            try:
                async with self._stream(f"/jobs/{job}/events", after) as messages:
                    if messages is None:
                        return
                    async for come in messages:
                        for message in come:
                            after = message.id
                            # The job as it is: where the server knows no such event, its database was set back, say.
                            if message.event != "snapshot":
                                yield self._parse(Event, message.data)
                failure: e.BideError = self._ended()
            except (httpx.TransportError, _Answered) as error:
                failure = self._cut(error)
            if after != begun:
                patience = _Patience()
            else:
                await patience.wait(failure)

    async def changes(self, jobs: Mapping[UUID, Job[Any]]) -> AsyncGenerator[Collection[UUID]]:
        """Which jobs are no longer as they are in `jobs`, whenever some have changed, by one stream for all of them.

        It does not end. From time to time all are named that are in `jobs` then: no event tells that one was deleted.
        """
        patience = _Patience()
        after: int | None = None
        while True:
            begun = after
            try:
                async with self._stream("/events", after) as messages:
                    if messages is None:
                        raise self._no_bide()  # there, it does not end
                    async for come in messages:
                        changed: set[UUID] = set()
                        for message in come:
                            after = message.id
                            if message.event in {"", "snapshot"}:
                                changed |= jobs.keys()
                                continue
                            event = self._parse(Event, message.data)
                            if event.job_id in jobs and event.seq > jobs[event.job_id].seq:
                                changed.add(event.job_id)
                        if changed:
                            yield changed
                failure: e.BideError = self._ended()
            except (httpx.TransportError, _Answered) as error:
                failure = self._cut(error)
            if after != begun:
                patience = _Patience()
            else:
                await patience.wait(failure)

    def _ended(self) -> e.BideError:
        return e.StoreUnavailable(f"{self.address} ends every stream.")

    def _cut(self, error: httpx.TransportError | _Answered) -> e.BideError:
        """Why a stream has ended; raised where it makes no sense to open it again."""
        if isinstance(error, httpx.TransportError):
            return self._unreachable("GET", error)
        failure = self._refused("GET", error.response)
        if not self._passing("GET", error.response.status_code):
            raise failure from None
        return failure

    async def prompts(self, job: UUID, /, *, open_only: bool = True) -> Sequence[PromptView]:
        query = {"open": str(open_only).lower()}
        return self._read(_Prompts, await self._send("GET", f"/jobs/{job}/prompts", query=query)).items

    async def show_prompts(self, job: UUID, /) -> Sequence[PromptView]:
        """Who reads the open questions over HTTP, and may answer them, was shown them."""
        return await self.prompts(job)

    async def stats(self) -> Stats:
        counted = self._read(_Stats, await self._send("GET", "/stats"))
        return Stats(
            by_status={JobStatus.read(status): n for status, n in counted.by_status.items()},
            ready=counted.ready,
            open_prompts=counted.open_prompts,
            oldest={JobStatus.read(status): microseconds(at) for status, at in counted.oldest.items()},
        )

    # ── Changing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def respond(
        self, job: UUID, response: Mapping[str, Any], /, *, prompt: UUID | None = None, by: str | None = None
    ) -> Receipt:
        refuse_by(by)
        path = f"/hitl/{job}/response" if prompt is None else f"/prompts/{prompt}/response"
        return self._read(Receipt, await self._send("POST", path, body=response))

    async def cancel(self, job: UUID, /, *, by: str | None = None, reason: str | None = None) -> Job[Any]:
        refuse_by(by)
        return self._read(_Job, await self._send("POST", f"/jobs/{job}/cancel", body={"reason": reason}))

    async def retry(self, job: UUID, /, *, by: str | None = None) -> Job[Any]:
        refuse_by(by)
        return self._read(_Job, await self._send("POST", f"/jobs/{job}/retry"))

    async def fork(self, job: UUID, /, *, after: int, by: str | None = None) -> Job[Any]:
        refuse_by(by)
        return self._read(_Job, await self._send("POST", f"/jobs/{job}/fork", body={"after": after}))

    async def cleanup(self, *, older_than: Duration, statuses: Iterable[JobStatus] = TERMINAL) -> int:
        return await self._clean_up(older_than, statuses, dry_run=False)

    async def cleanable(self, *, older_than: Duration, statuses: Iterable[JobStatus] = TERMINAL) -> int:
        return await self._clean_up(older_than, statuses, dry_run=True)

    async def _clean_up(self, older_than: Duration, statuses: Iterable[JobStatus], *, dry_run: bool) -> int:
        chosen = tuple(statuses)
        if unfinished := [status.value for status in chosen if not status.terminal]:
            raise e.InvalidOption(f"Unfinished jobs are never deleted: {', '.join(unfinished)}.")
        body = {"older_than": seconds(older_than), "statuses": [*map(str, chosen)], "dry_run": dry_run}
        return self._read(_Cleaned, await self._send("POST", "/cleanup", body=body, within=CLEANUP)).deleted

    # ── The wire ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            raise e.NotStarted("This is not open.", hint="Enter it first, or use run(…).")
        return self._client

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        within: float = ANSWER,
    ) -> httpx.Response:
        """The response, which is a success. What is refused is raised."""
        # As the app itself writes a response down: what it would refuse is refused here, and nothing is rounded.
        content = None if body is None else encode(dict(body)).encode()
        headers = {} if content is None else {"Content-Type": "application/json"}
        timeout = httpx.Timeout(within, connect=CONNECT, pool=None)
        patience = _Patience()
        while True:
            try:
                response = await self._open.request(
                    method, path, params=query, content=content, headers=headers, timeout=timeout
                )
            except httpx.TransportError as error:
                failure = self._unreachable(method, error)
                passing = method == "GET" and self._reached
                pause = 0.0
            else:
                if response.is_success:
                    return response
                failure = self._refused(method, response)
                passing = self._passing(method, response.status_code)
                pause = _retry_after(response)
            if not passing:
                raise failure from None
            await patience.wait(failure, pause)

    def _passing(self, method: str, status: int) -> bool:
        """Whether the same request may succeed in a while, and does no harm if it is sent again."""
        # What was one request too many has not been done, whatever it was.
        return status == 429 or (method == "GET" and self._reached and status in RESTARTING)

    @asynccontextmanager
    async def _stream(self, path: str, after: int | None) -> AsyncGenerator[AsyncIterator[Sequence[_Message]] | None]:
        """The messages that are sent, as many as come together; None where nothing more will come."""
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": str(after)})
        timeout = httpx.Timeout(ANSWER, connect=CONNECT, read=SILENCE, pool=None)
        async with self._open.stream("GET", path, headers=headers, timeout=timeout) as response:
            if not response.is_success:
                await response.aread()
                raise _Answered(response)
            if response.status_code == 204:
                yield None
            elif not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise self._no_bide()
            else:
                self._reached = True
                yield _messages(response.aiter_bytes())

    def _read(self, model: type[M], response: httpx.Response) -> M:
        read = self._parse(model, response.content)
        self._reached = True
        return read

    def _parse(self, model: type[M], text: bytes) -> M:
        try:
            return model.model_validate_json(text)
        except ValidationError:
            raise self._no_bide() from None

    # ── What goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

    def _no_bide(self) -> e.BideError:
        return e.StoreUnavailable(
            f"What answers at {self.address} is no Bide that this version knows.",
            hint="--url is the address under which the router is mounted, as http://localhost:8000/api.",
        )

    def _unreachable(self, method: str, error: httpx.TransportError) -> e.BideError:
        reason = str(error) or type(error).__name__
        if method == "GET" or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            return e.StoreUnavailable(
                f"The server at {self.address} cannot be reached: {reason}.",
                hint="Check --url and BIDE_URL, and that it runs: bide serve MODULE:APP.",
            )
        return e.StoreUnavailable(
            f"The server at {self.address} took the request, and the answer was lost: {reason}.",
            hint="It may have been done all the same: look before you send it again.",
        )

    def _refused(self, method: str, response: httpx.Response) -> e.BideError:
        """The error that a problem tells of."""
        status = response.status_code
        problem = _problem(response)
        if problem is None:
            return self._told_otherwise(method, response)
        hint = problem.hint
        if status in {401, 403} and problem.code not in ERRORS:
            ours = (
                "The server decides by the token that is given with --token, or BIDE_TOKEN."
                if self._with_token
                else "No token is given: use --token, or BIDE_TOKEN."
            )
            return NotLetIn(problem.message, hint=f"{hint} {ours}" if hint else ours)
        flaws = [{"path": flaw.path, "message": flaw.message} for flaw in problem.errors or ()]
        match problem.code:
            case e.InvalidResponse.code:
                return e.InvalidResponse(problem.message, flaws)
            case e.InvalidPayload.code:
                path, _, reason = problem.message.partition(": ")
                return e.InvalidPayload(path, reason, errors=flaws)
            case e.PromptClosed.code:
                return e.PromptClosed(problem.message, reason=problem.reason, response=problem.response, by=problem.by)
            case code:
                return ERRORS.get(code, ServerRefused)(problem.message, hint=hint)

    def _told_otherwise(self, method: str, response: httpx.Response) -> e.BideError:
        """Something else than Bide has answered: a proxy, or another server."""
        status = response.status_code
        if response.has_redirect_location:
            return ServerRefused(
                f"{self.address} sends on to {response.headers['location'][:200]}.", hint="Give that address as --url."
            )
        if status in {401, 403}:
            return NotLetIn(f"{self.address} answers with {status}.", hint="Does it need --token, or BIDE_TOKEN?")
        if status in RESTARTING:
            return e.StoreUnavailable(
                f"{self.address} answers with {status}.",
                hint="What is in front of the server does not reach it."
                + ("" if method == "GET" else " Look whether it was done before you send it again."),
            )
        return self._no_bide()


class _Answered(Exception):
    """A stream was answered with something else."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response


class _Patience:
    """How long the same is tried again, with longer and longer pauses."""

    def __init__(self) -> None:
        self._until = time.monotonic() + PATIENCE
        self._pause = 0.1

    async def wait(self, failure: e.BideError, at_least: float = 0.0) -> None:
        """Raises the failure where it has lasted too long."""
        pause = max(self._pause, at_least)
        if time.monotonic() + pause > self._until:
            raise failure
        await asyncio.sleep(pause)
        self._pause = min(2 * self._pause, 2.0)


# ── What is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Job(Job[Any], frozen=True):
    # A newer server may know more of them than this version.
    status: Annotated[JobStatus, BeforeValidator(JobStatus.read)]


class _Jobs(BaseModel):
    items: list[_Job]


class _Events(BaseModel):
    items: list[Event]


class _Prompts(BaseModel):
    items: list[PromptView]


class _Stats(BaseModel):
    by_status: dict[str, int]
    ready: int
    open_prompts: int
    oldest: dict[str, datetime]


class _Cleaned(BaseModel):
    deleted: int


class _Flaw(BaseModel):
    path: str
    message: str


class _Problem(BaseModel):
    code: str
    message: str
    hint: str | None = None
    errors: list[_Flaw] | None = None
    reason: str = ""
    response: Any = None
    by: str | None = None


def _problem(response: httpx.Response) -> _Problem | None:
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return _Problem.model_validate_json(response.content)
    except ValidationError:
        return None


_PLAIN: tuple[type[e.BideError], ...] = (
    e.InvalidArguments,
    e.InvalidOption,
    e.InvalidDuration,
    e.UnknownJobType,
    e.NotStarted,
    e.NotFound,
    e.Conflict,
    e.AlreadyFinished,
    e.NotFinished,
    e.PromptNotServed,
    e.PromptAmbiguous,
    e.NotAssigned,
    e.StoreError,
    e.StoreBusy,
    e.StoreFull,
    e.StoreUnavailable,
    e.SchemaMismatch,
)
ERRORS: Mapping[str, type[e.BideError]] = {
    **{kind.code: kind for kind in _PLAIN},
    # What does not fit the wire at all is an option that makes no sense, too.
    "invalid_request": e.InvalidOption,
}
"""The errors that are made of a message and a hint, by their codes."""


class _Message(NamedTuple):
    """What a stream tells at once. Where it only tells how far it is, `event` and `data` are empty."""

    event: str
    id: int
    data: bytes


async def _messages(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Sequence[_Message]]:
    """Lines end with a line feed only: what JSON leaves as it is must not."""
    rest = event = b""
    number: int | None = None
    data: list[bytes] = []
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        come: list[_Message] = []
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name == b"event":
                event = value
            elif name == b"id" and value.isdigit():
                number = int(value)
            elif not name and not value and not line.startswith(b":"):
                if number is not None:
                    come.append(_Message(event.decode(), number, b"\n".join(data)))
                event, number, data = b"", None, []
        if come:
            yield come


def _retry_after(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0


def _address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as invalid:
        raise e.InvalidOption(f"This is no address: {invalid}.", hint="Write http://localhost:8000.") from None
    if not parsed.host or parsed.query or parsed.fragment:
        raise e.InvalidOption(
            "An address is a scheme, a host and a path.", hint="Write http://localhost:8000, or http://host/api."
        )
    if parsed.userinfo:
        raise e.InvalidOption(
            "An address holds no name and password: it is shown.", hint="Give a token: --token, or BIDE_TOKEN."
        )
    return str(parsed).rstrip("/")
