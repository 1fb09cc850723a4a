"""Every error in the contract's form: `{error, request_id}`, with `details` where a request is invalid.

The handlers are for this service's own routes. What else the app serves keeps its own form.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bide.errors import (
    BideError,
    Conflict,
    InvalidArguments,
    InvalidOption,
    InvalidPayload,
    InvalidResponse,
    NotFound,
    StoreError,
)
from examples.skills.service.schemas import Failure, Flaw, InvalidRequest

HEADER = "X-Request-ID"
ACCEPTABLE = re.compile(r"[\w.:-]{1,128}")
INVALID = "Validation error"
RETRY_AFTER = 1
"""Seconds after which to try again what could not be done now."""
LOG = logging.getLogger("examples.skills.service")


class Refused(Exception):
    """A request that cannot be met, with the status to say it by."""

    def __init__(self, status: int, message: str, details: Sequence[Flaw] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details


class JobNotFound(Refused):
    def __init__(self, job_id: str) -> None:
        super().__init__(404, f"Job '{job_id}' not found")


def handle_errors(app: FastAPI, prefix: str) -> None:
    """Gives every error below the prefix its form."""

    def ours(request: Request) -> bool:
        return request.url.path.startswith(f"{prefix}/")

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if not ours(request):
            return await request_validation_exception_handler(request, error)
        # The body is its fields; only of a parameter does it matter where it stands.
        places = [flaw["loc"][1:] if flaw["loc"][:1] == ("body",) else flaw["loc"] for flaw in error.errors()]
        flaws = [
            Flaw(path="".join(f"/{part}" for part in place), message=str(flaw["msg"]))
            for place, flaw in zip(places, error.errors(), strict=True)
        ]
        return _answer(request, Refused(422, INVALID, flaws))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return _answer(request, error)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if not ours(request):
            return await http_exception_handler(request, error)
        return _answer(request, Refused(error.status_code, str(error.detail)), error.headers)

    async def of_bide(request: Request, error: Exception) -> Response:
        if not ours(request) or not isinstance(error, BideError):
            raise error
        refused = _refusal(error)
        if refused.status >= 500:
            # What the database says names its file: that is for the log.
            LOG.warning("request %s: %s: %s", request_id(request), error.code, error)
        return _answer(request, refused)

    async def unforeseen(request: Request, error: Exception) -> Response:
        if not ours(request):
            raise error
        LOG.error("request %s failed", request_id(request), exc_info=error)
        return _answer(request, Refused(500, "Internal server error"))

    app.exception_handler(RequestValidationError)(invalid)
    app.exception_handler(Refused)(refused)
    app.exception_handler(HTTPException)(of_http)
    app.exception_handler(BideError)(of_bide)
    app.exception_handler(Exception)(unforeseen)


async def name_request(request: Request, response: Response) -> None:
    """A dependency: tells the client the id of its request also where nothing went wrong."""
    response.headers[HEADER] = request_id(request)


def request_id(request: Request) -> str:
    """The id that the client gave, if it can stand in a header and in a log; else a new one, kept for the request."""
    known = getattr(request.state, "request_id", None)
    if isinstance(known, str):
        return known
    given = request.headers.get(HEADER, "")
    chosen = given if ACCEPTABLE.fullmatch(given) else str(uuid4())
    request.state.request_id = chosen
    return chosen


def _refusal(error: BideError) -> Refused:
    match error:
        case NotFound():
            return Refused(404, str(error))
        case Conflict():
            return Refused(409, str(error))
        case InvalidResponse():
            return Refused(422, INVALID, [Flaw(path=flaw["path"], message=flaw["message"]) for flaw in error.errors])
        case InvalidArguments() | InvalidOption() | InvalidPayload():
            return Refused(422, INVALID, [Flaw(path="", message=str(error))])
        case StoreError() if error.retryable:
            return Refused(503, "The database cannot do it now. Try again.")
        case _:
            return Refused(500, "Internal server error")


def _answer(request: Request, refused: Refused, headers: Mapping[str, str] | None = None) -> JSONResponse:
    identity = request_id(request)
    body: Failure
    if refused.status == 422:
        body = InvalidRequest(error=refused.message, request_id=identity, details=list(refused.details))
    else:
        body = Failure(error=refused.message, request_id=identity)
    given = {**(headers or {}), HEADER: identity}
    if refused.status == 503:
        given["Retry-After"] = str(RETRY_AFTER)
    return JSONResponse(body.model_dump(mode="json"), refused.status, headers=given)
