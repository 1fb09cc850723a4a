"""Opaque cursors: where a page ended, and of which list. A cursor of another list is refused, not misread."""

from __future__ import annotations

import base64
import binascii
import hashlib
from urllib.parse import urlencode
from uuid import UUID

import orjson
from starlette.requests import Request

from bide.http.problems import InvalidParameter


def encode(last: str, query: object) -> str:
    """`query`: what else chooses the list."""
    return base64.urlsafe_b64encode(UUID(last).bytes + _fingerprint(query)).decode().rstrip("=")


def decode(cursor: str, query: object) -> UUID:
    """The id that the page before ended with. Raises InvalidOption."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 24 or raw[16:] != _fingerprint(query):
        raise InvalidParameter(
            "query",
            "cursor",
            "This cursor belongs to no page of this list.",
            hint="Send the `next_cursor` of the page before, unchanged.",
        )
    return UUID(bytes=raw[:16])


def next_link(request: Request, cursor: str) -> str:
    """The header `Link`. Relative, so that it holds behind any proxy."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f'<?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'


def _fingerprint(query: object) -> bytes:
    return hashlib.sha256(orjson.dumps(query, option=orjson.OPT_SORT_KEYS)).digest()[:8]
