"""Why a request is refused before anything is done.

They are HTTP errors of the framework too, so that an `authorize` which raises them may be used for the host's own
routes, and for WebSockets, whose handshake it answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

from bide.errors import BideError


class Refusal(BideError, HTTPException):
    """The base of them. `status`: the HTTP status."""

    code = "refused"
    status = 400

    def __init__(self, message: str, *, hint: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        BideError.__init__(self, message, hint=hint)
        HTTPException.__init__(self, self.status, detail=message, headers=headers)


class Unauthenticated(Refusal):
    """Nobody knows who asks. `challenge` is the `WWW-Authenticate` header."""

    code = "unauthenticated"
    status = 401

    def __init__(self, message: str, *, hint: str | None = None, challenge: str = "Bearer") -> None:
        super().__init__(message, hint=hint, headers={"WWW-Authenticate": challenge})
        self.challenge = challenge


class Forbidden(Refusal):
    """Who asks is known, and may not."""

    code = "forbidden"
    status = 403


class TooLarge(Refusal):
    code = "too_large"
    status = 413


class UnsupportedMedia(Refusal):
    code = "unsupported_media_type"
    status = 415


class TooMany(Refusal):
    """More than a principal may have. `retry_after`: seconds after which to try again."""

    code = "too_many_requests"
    status = 429
    retryable = True

    def __init__(self, message: str, *, retry_after: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, headers={"Retry-After": str(retry_after)})
        self.retry_after = retry_after


class Unavailable(Refusal):
    """What has to be asked first does not answer. `retry_after`: seconds after which to try again."""

    code = "unavailable"
    status = 503
    retryable = True

    def __init__(self, message: str, *, retry_after: int = 5, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, headers={"Retry-After": str(retry_after)})
        self.retry_after = retry_after
