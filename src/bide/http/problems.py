"""Errors as RFC 9457 problems: `application/problem+json` with the extensions `code`, `message`, `hint`, `retryable`.

The errors themselves carry code, hint and whether to try again; here they only get their status.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, cast

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bide import errors as e
from bide.codec import place, pointer
from bide.http import headers
from bide.http.refusals import Refusal

log = logging.getLogger("bide.http")

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER = 1
"""Seconds after which a database that was busy or away may be asked again."""

STATUS: dict[type[e.BideError], int] = {
    e.BideError: 500,
    e.InvalidPayload: 422,
    e.InvalidArguments: 422,
    e.InvalidOption: 422,
    e.InvalidDuration: 422,
    e.InvalidResponse: 422,
    e.UnknownJobType: 422,
    e.IdempotencyConflict: 422,
    e.NotFound: 404,
    e.Conflict: 409,
    e.NotAssigned: 403,
    e.NotStarted: 503,
    e.StoreError: 503,
    e.StoreFull: 507,
}
"""By class; a class that is not listed has the status of its base."""

CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    429: "too_many_requests",
}


OF_DATABASE: Mapping[str, str] = {
    e.StoreError.code: "The database could not do it.",
    e.StoreBusy.code: "The database is busy.",
    e.StoreFull.code: "The database has no space left; nothing was written.",
    e.StoreUnavailable.code: "The database cannot be reached.",
    e.SchemaMismatch.code: "The database is of another version of Bide.",
}
LOOK = "The server's log tells more."


class Flaw(BaseModel):
    """What is wrong with one part of a request."""

    path: str
    """A JSON pointer into the body, or the name of a parameter."""
    message: str
    where: str = "body"


class Problem(BaseModel):
    """An error, as RFC 9457 has it. `code` is stable; `retryable`: the same request may succeed later."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "body /priority: Input should be less than or equal to 100",
                    "code": "invalid_request",
                    "message": "body /priority: Input should be less than or equal to 100",
                    "hint": "See `errors`: each names its place.",
                    "retryable": False,
                    "errors": [
                        {"path": "/priority", "message": "Input should be less than or equal to 100", "where": "body"}
                    ],
                }
            ]
        },
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    message: str
    hint: str | None = None
    retryable: bool = False
    errors: list[Flaw] | None = None


def respond(
    status: int,
    code: str,
    message: str,
    *,
    hint: str | None = None,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    return Response(
        orjson.dumps(described(status, code, message, hint=hint, retryable=retryable, **more)),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def described(
    status: int, code: str, message: str, *, hint: str | None = None, retryable: bool = False, **more: Any
) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": _phrase(status),
        "status": status,
        "detail": message,
        "code": code,
        "message": message,
        "hint": hint,
        "retryable": retryable,
        **{name: value for name, value in more.items() if value is not None},
    }


def _phrase(status: int) -> str:
    """The host's own code may answer with a status that no standard names, 419 say."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def status_of(error: e.BideError) -> int:
    if isinstance(error, Refusal):
        return error.status
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def describe(error: e.BideError) -> dict[str, Any]:
    """The problem that an error is, as JSON types.

    Of the database's own words, which name its file, a client is told none: they are in the log.
    """
    if isinstance(error, e.StoreError):
        log.warning("%s: %s", error.code, error)
        told = OF_DATABASE.get(error.code, OF_DATABASE[e.StoreError.code])  # a store may have errors of its own
        return described(status_of(error), error.code, told, hint=LOOK, retryable=error.retryable)
    return described(
        status_of(error), error.code, error.message, hint=error.hint, retryable=error.retryable, **_more(error)
    )


def of_error(error: e.BideError) -> Response:
    status = status_of(error)
    sent: dict[str, str] = {}
    if isinstance(error, Refusal):
        sent.update(error.headers or {})
    elif status in {503, 507}:
        sent["Retry-After"] = str(RETRY_AFTER)
    return Response(orjson.dumps(describe(error)), status_code=status, media_type=MEDIA_TYPE, headers=sent)


def of_http(error: HTTPException) -> Response:
    """What the host's own dependencies raise, `authorize` say."""
    status = error.status_code
    if status < 400:
        return Response(status_code=status, headers=error.headers)
    detail = cast("object", error.detail)  # FastAPI's may be any JSON
    text = detail if isinstance(detail, str) else _phrase(status)
    return respond(
        status,
        CODES.get(status, "http_error"),
        text,
        retryable=status in {429, 503},
        headers=error.headers,
        extra=None if isinstance(detail, str) else detail,
    )


def of_validation(error: RequestValidationError) -> Response:
    found = error.errors()
    flaws = [_flaw(one, error.body) for one in found[: e.SHOWN_FLAWS]]
    first = flaws[0]
    where = f"{first['where']} {first['path'] or '/'}"
    return respond(
        422,
        "invalid_request",
        f"{where}: {first['message']}" + (f", and {len(found) - 1} more" if len(found) > 1 else ""),
        hint="See `errors`: each names its place.",
        errors=flaws,
    )


def _flaw(found: Mapping[str, Any], body: object) -> dict[str, str]:
    where, *path = cast("Sequence[str | int]", found["loc"])
    shown = pointer(place(body, {**found, "loc": path})) if where == "body" else str(path[0]) if path else ""
    return {"where": str(where), "path": shown, "message": str(found["msg"])}


class InvalidParameter(e.InvalidOption):
    """A part of a request makes no sense. `where` it is, `query`, `header` or `body`; `path` as a `Flaw` has it."""

    def __init__(self, where: str, path: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = [{"where": where, "path": path, "message": message}]


@contextmanager
def at(prefix: str) -> Generator[None]:
    """Flaws found in here are of a value that stands at this JSON pointer of the body."""
    try:
        yield
    except (e.InvalidPayload, e.InvalidArguments, e.InvalidOption, e.InvalidDuration) as error:
        error.errors = [{**flaw, "path": prefix + flaw["path"]} for flaw in error.errors]
        raise


def _more(error: e.BideError) -> dict[str, Any]:
    """What this error knows beyond its message."""
    match error:
        case e.InvalidResponse() | e.InvalidPayload() | e.InvalidArguments() | e.InvalidOption() | e.InvalidDuration():
            return {"errors": [{"where": "body", **flaw} for flaw in error.errors] or None}
        case e.IdempotencyConflict():
            return {"job_id": str(error.job_id)}
        case e.PromptClosed():
            return {"reason": error.reason, "response": error.response, "by": error.by}
        case _:
            return {}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, as an operation's `responses`. What is referred to is in the document through `Outcome`."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": headers.documented(headers.OF_ERRORS[status])} if status in headers.OF_ERRORS else {}),
        }
        for status in statuses
    }
