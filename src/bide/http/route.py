"""The route class of Bide's router: bounded bodies, strict JSON, and every error as a problem. On these routes only:
those of the host app answer as they always did."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bide.errors import BideError, InvalidOption, InvalidPayload
from bide.http import problems
from bide.http.call import KEY
from bide.http.refusals import TooLarge, Unauthenticated, UnsupportedMedia

log = logging.getLogger("bide.http")

BODILESS = frozenset({"GET", "HEAD"})
"""Nothing reads a body here, and a request of another class costs as much as an answer's parts."""


_LONG = re.compile(rb"\d{20}")


class BoundedRequest(Request):
    """A request whose body is JSON, and no longer than `limit` bytes."""

    limit: int = 0

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            declared = self.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > self.limit:
                raise self._too_large()
            chunks: list[bytes] = []
            size = 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > self.limit:
                    raise self._too_large()
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The body is longer than {self.limit:,} bytes.", hint="Send what is large elsewhere, and its address here."
        )

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = orjson.loads(body)
                if _LONG.search(body):
                    # It makes a float of an integer of more than 64 bits. Here it stays one, and is refused as such.
                    self._json = json.loads(body)
            except orjson.JSONDecodeError as error:
                raise InvalidPayload("$", f"not JSON, at character {error.pos}: {error.msg}") from None
        return self._json


class BideRoute(APIRoute):
    """`body_limit`, bytes, and `allowed`, the methods of each path, are those of the router; a subclass of this is made
    for each."""

    body_limit: int = 1024 * 1024
    allowed: Mapping[str, set[str]] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = self.methods or set[str]()
        if scope["method"] in own:
            await super().handle(scope, receive, send)
            return
        # This route knows its own method only, and others have the same path.
        methods = ", ".join(sorted(self.allowed.get(self.path_format, own)))
        answer = problems.respond(
            405, problems.CODES[405], f"{scope['method']} is not allowed here.", hint=f"Allowed: {methods}.",
            headers={"Allow": methods},
        )  # fmt: skip
        await _shielded(answer)(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def answer(request: Request) -> Response:
            return _shielded(await respond(request))

        async def respond(request: Request) -> Response:
            try:
                if request.method not in BODILESS:
                    request = bounded = BoundedRequest(request.scope, request.receive)
                    bounded.limit = self.body_limit
                    if takes_body:
                        # Here, not where FastAPI reads it: there an error of ours would become one of its own.
                        await _check_body(bounded)
                return await handle(request)
            except BideError as error:
                if isinstance(error, InvalidOption) and KEY not in request.scope:
                    # `authorize` has made a principal of it that makes no sense: somebody without a name, say.
                    log.warning("authorize: %s", error)
                    error = Unauthenticated("Who asks is not known here.")
                return problems.of_error(error)
            except RequestValidationError as error:
                return problems.of_validation(error)
            except HTTPException as error:
                return problems.of_http(error)
            except Exception:
                log.exception("%s %s failed", request.method, request.scope.get("path"))
                return problems.respond(
                    500, "internal", "Something went wrong here.", hint="The server's log tells what.", retryable=True
                )

        return answer


def _shielded(response: Response) -> Response:
    """What is here is of somebody, and is data: no cache shares it, and no browser takes it for something else."""
    headers = response.raw_headers
    headers.append((b"x-content-type-options", b"nosniff"))
    for name, _ in headers:
        if name == b"cache-control":
            return response
    headers.append((b"cache-control", b"private, no-cache"))
    return response


async def _check_body(request: BoundedRequest) -> None:
    body = await request.body()
    if not body:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # A page elsewhere may send a form or plain text without being asked; JSON it may not.
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMedia(
            "The body is not declared as JSON.", hint="Send it with `Content-Type: application/json`."
        )
    await request.json()
