"""The headers of answers, for the OpenAPI document: what each means, and which operation sends which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WORDS: Mapping[str, str] = {
    "ETag": "Names this very state of the job; `If-None-Match` takes it.",
    "Link": 'The next page, `rel="next"`, where there is one.',
    "Location": "Where the job is to be read.",
    "Preference-Applied": "`wait=N`, where `Prefer` asked for it.",
    "Retry-After": "Seconds after which to ask again.",
    "WWW-Authenticate": "How to say who asks.",
}

_MADE = ("ETag", "Location", "Preference-Applied")
_CREATES: Mapping[int, tuple[str, ...]] = {200: _MADE, 202: (*_MADE, "Retry-After")}

SENT: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "create_job": _CREATES,
    "retry_job": _CREATES,
    "fork_job": _CREATES,
    "cancel_job": {200: ("ETag", "Location"), 202: ("ETag", "Location", "Retry-After")},
    "get_job": {200: ("ETag",), 304: ("ETag",)},
    "list_jobs": {200: ("Link",)},
    "list_prompts": {200: ("Link",)},
    "list_job_prompts": {200: ("Link",)},
}
"""What an endpoint sends with a status, beside what every error has."""

OF_ERRORS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
    507: ("Retry-After",),
}


def documented(names: Iterable[str]) -> dict[str, Any]:
    """These headers, as a response's `headers`."""
    return {
        name: {"description": WORDS[name], "schema": {"type": "integer" if name == "Retry-After" else "string"}}
        for name in names
    }


def with_headers(endpoint: str, responses: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """An operation's `responses`, with the headers that its endpoint sends."""
    sent = {status: {"headers": documented(names)} for status, names in SENT.get(endpoint, {}).items()}
    return {**responses, **{status: {**responses.get(status, {}), **more} for status, more in sent.items()}}
