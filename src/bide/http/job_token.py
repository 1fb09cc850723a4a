"""Tokens for one job: what a page may be given, so that a browser follows, answers or cancels this job and no other."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import jwt
from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.types import Scope

from bide.errors import InvalidOption
from bide.http.access import ONE_JOB, Principal, Right
from bide.http.bearer import INVALID, bearer
from bide.http.refusals import Unauthenticated
from bide.job import Job
from bide.schedule import Duration, seconds

if TYPE_CHECKING:
    from bide.app import Bide

PREFIX = "bjt."
_PREFIX = PREFIX.encode()
AUDIENCE = "bide:job"
ALGORITHM = "HS256"

GRANTABLE = ONE_JOB

MIN_BYTES = 32
"""As many as the hash has: RFC 7518, 3.2."""

_REMEDY = 'One is made by: python -c "import secrets; print(secrets.token_urlsafe(32))"'


def sign(
    secrets: Sequence[SecretStr],
    job: UUID,
    owner: str,
    *,
    rights: Iterable[Right],
    expires: Duration,
    by: str,
    now: float | None = None,
) -> str:
    """A token by which its bearer, recorded as `by`, has these rights over this job of `owner`, for so long.

    The first secret signs. now: seconds since the epoch. Raises InvalidOption.
    """
    if not secrets:
        raise InvalidOption("There is no secret to sign tokens with.", hint=f"Set BIDE_SECRETS. {_REMEDY}")
    who = Principal(by, rights, owner, job)
    if not who.rights:
        raise InvalidOption(
            "A token without rights opens nothing.", hint=f"Give some of {', '.join(sorted(GRANTABLE))}."
        )
    claims = {
        "aud": AUDIENCE,
        "job": str(job),
        "owner": owner,
        "sub": by,
        "rights": sorted(who.rights),
        # In whole seconds, rounded up: a token may live a little longer than asked, and none is born dead.
        "exp": math.ceil((time.time() if now is None else now) + seconds(expires)),
    }
    return PREFIX + jwt.encode(claims, _text(secrets[0]), algorithm=ALGORITHM)


def job_token(
    app: Bide[Any],
    job: Job[Any],
    *,
    rights: Iterable[Right] = GRANTABLE,
    expires: Duration = "1h",
    by: str | None = None,
) -> str:
    """A token for one job, for a page: `Authorization: Bearer …`, or `?token=…` for an EventSource.

    by: who is recorded with what is answered and cancelled by it, by default the job's owner. Needs `Settings.secrets`.
    Raises InvalidOption.
    """
    who = by or job.owner or "anonymous"
    return sign(app.settings.secrets, job.id, job.owner, rights=rights, expires=expires, by=who)


def read(secrets: Sequence[SecretStr], token: str, *, now: float | None = None) -> Principal:
    """Who a token lets in. Every secret is accepted, so that they rotate. Raises Unauthenticated."""
    if token.startswith(PREFIX):
        for secret in secrets:
            if claims := _claims(token.removeprefix(PREFIX), _text(secret)):
                who = _principal(claims)
                # Asked so that NaN, which is never smaller, is the past too.
                if who is None or not claims["exp"] > (time.time() if now is None else now):
                    break
                return who
    raise Unauthenticated("This token is not valid, or not any more.", challenge=INVALID)


def _claims(token: str, secret: str) -> Mapping[str, Any] | None:
    """What this secret has signed as a token for one job, expired or not."""
    try:
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            # The same secret may sign other tokens, of the host. Those are not for this audience.
            audience=AUDIENCE,
            options={"require": ["exp", "sub", "job", "owner", "rights"], "verify_exp": False},
        )
    except jwt.PyJWTError:
        return None


def _principal(claims: Mapping[str, Any]) -> Principal | None:
    given: object = claims["rights"]
    if not isinstance(claims["exp"], int | float) or not isinstance(given, list):
        return None
    listed = cast("list[object]", given)
    if not all(isinstance(right, str) for right in listed):
        return None
    # Whatever else is in there, a token holds no more than a page needs.
    rights: list[Right] = [right for right in GRANTABLE if right in listed]
    try:
        expires = datetime.fromtimestamp(claims["exp"], UTC)
        return Principal(claims["sub"], rights, claims["owner"], UUID(claims["job"]), expires_at=expires)
    except (InvalidOption, AttributeError, OverflowError, TypeError, ValueError):
        return None


def find_token(scope: Scope) -> str | None:
    """The job token that a request brings: as bearer, or as `?token=`, since a browser's EventSource and WebSocket send
    no headers. Where there is a bearer token of either kind, it is what counts."""
    # Asked for every request, and as a rule there is none. In a query any letter may be written as its code.
    query: bytes = scope["query_string"]
    if _PREFIX not in query and b"%" not in query and all(name != b"authorization" for name, _ in scope["headers"]):
        return None
    connection = HTTPConnection(scope)
    token = bearer(connection)
    if not token:
        match connection.query_params.getlist("token"):
            case [given]:
                token = given
            case _:
                return None
    return token if token.startswith(PREFIX) else None


def _text(secret: SecretStr) -> str:
    text = secret.get_secret_value()
    if len(text.encode()) < MIN_BYTES:
        raise InvalidOption(f"A secret has fewer than {MIN_BYTES} bytes.", hint=_REMEDY)
    return text
