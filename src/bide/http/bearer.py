"""The token of an `Authorization` header."""

from __future__ import annotations

from starlette.requests import HTTPConnection

INVALID = 'Bearer error="invalid_token"'
"""The challenge to who sent a token that is not, or no longer, valid (RFC 6750, 3.1)."""


def bearer(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer` (RFC 6750, 2.1); the scheme's case does not matter (RFC 9110, 11.1).

    None where there is none, and for another scheme.
    """
    scheme, _, token = only(connection, "authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def only(connection: HTTPConnection, name: str) -> str:
    """The header of this name, or "". Of several none is taken: what is in front may have checked another one."""
    found = connection.headers.getlist(name)
    return found[0] if len(found) == 1 else ""
