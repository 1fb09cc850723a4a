"""Tokens for one job: what a page may be given, so that a browser follows, answers or cancels this job and no other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import jwt
from pydantic import BaseModel, Field, SecretStr, ValidationError
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.access import Principal, Right
from bide.http.keys import bearer
from bide.http.refusals import Unauthenticated
from bide.job import Job
from bide.schedule import Duration, seconds

if TYPE_CHECKING:
    from bide.app import Bide

PREFIX = "bjt."
_PREFIX = PREFIX.encode()
AUDIENCE = "bide:job"
ALGORITHM = "HS256"

GRANTABLE: frozenset[Right] = frozenset({"view", "answer", "cancel"})


class _Claims(BaseModel, strict=True):
    """What a token says, apart from what PyJWT checks."""

    sub: Annotated[str, Field(min_length=1)]
    job: Annotated[UUID, Field(strict=False)]
    owner: str
    rights: list[str]


def sign(
    secrets: Sequence[SecretStr],
    job: UUID,
    owner: str,
    *,
    rights: Iterable[Right],
    expires: Duration,
    by: str,
) -> str:
    """A token by which its bearer, recorded as `by`, has these rights over this job of `owner`, for so long.

    The first secret signs. Raises InvalidOption.
    """
    given = frozenset(rights)
    if not given or given - GRANTABLE:
        raise InvalidOption(
            f"rights={sorted(given)}: a token for one job holds one or more of {', '.join(sorted(GRANTABLE))}."
        )
    if not secrets:
        raise InvalidOption(
            "There is no secret to sign tokens with.",
            hint='Set BIDE_SECRETS. One is made by: python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    claims = {
        "aud": AUDIENCE,
        "job": str(job),
        "owner": owner,
        "sub": by,
        "rights": sorted(given),
        "exp": int(time.time() + seconds(expires)) + 1,
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


def read(secrets: Sequence[SecretStr], token: str) -> Principal:
    """Who a token lets in. Every secret is accepted, so that they rotate. Raises Unauthenticated."""
    for secret in secrets:
        try:
            decoded = jwt.decode(
                token.removeprefix(PREFIX),
                _text(secret),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub"]},
            )
            claims = _Claims.model_validate(decoded)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValidationError):
            break
        rights: frozenset[Right] = frozenset(right for right in GRANTABLE if right in claims.rights)
        return Principal(claims.sub, rights, claims.owner, claims.job)
    raise Unauthenticated("This token is not valid, or not any more.", challenge='Bearer error="invalid_token"')


def find_token(connection: HTTPConnection) -> str | None:
    """The job token that a request brings: as bearer, or as `?token=`, since a browser's EventSource and WebSocket send
    no headers."""
    # Asked for every request, and as a rule there is none. In a query any letter may be written as its code.
    query: bytes = connection.scope["query_string"]
    if _PREFIX in query or b"%" in query or "authorization" in connection.headers:
        token = bearer(connection) or connection.query_params.get("token") or ""
        return token if token.startswith(PREFIX) else None
    return None


def _text(secret: SecretStr) -> str:
    return secret.get_secret_value()
