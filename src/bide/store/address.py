"""The address of a database, as it may be shown."""

from __future__ import annotations


def shown(url: str) -> str:
    """Without who connects, without the password, and without parameters, of which one may be a password."""
    scheme = url[: url.index("://") + 3] if "://" in url else ""
    place, _, parameters = url.removeprefix(scheme).partition("?")
    if "@" in parameters:
        # Is that of a parameter, or is the "?" of the password? Nobody can tell.
        place = "…"
    return f"{scheme}{place.rpartition('@')[2]}"
