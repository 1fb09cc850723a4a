"""The address of a database, as it may be shown."""

from __future__ import annotations


def shown(url: str) -> str:
    """Without who connects, and without the password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"
