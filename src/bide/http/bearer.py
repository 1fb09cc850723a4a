"""The token of an `Authorization` header."""

from __future__ import annotations

from starlette.requests import HTTPConnection

INVALID = 'Bearer error="invalid_token"'
"""The challenge to who sent a token that is not, or no longer, valid (RFC 6750, 3.1)."""


def bearer(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer` (RFC 6750, 2.1); the scheme's case does not matter (RFC 9110, 11.1).

    None where there is none: another scheme, or several such headers, of which a proxy may have read another one.
    """
    match connection.headers.getlist("authorization"):
        case [value]:
            scheme, _, token = value.partition(" ")
            return token.strip() if scheme.lower() == "bearer" else None
        case _:
            return None
