"""Which schema a database is at, and which one this version works with."""

from __future__ import annotations

from dataclasses import dataclass

from bide.errors import SchemaMismatch


@dataclass(frozen=True)
class SchemaStatus:
    """`current` is None where nothing of Bide is in the database yet."""

    current: str | None
    head: str


def refuse_newer(stamp: str | None, head: str) -> None:
    """Raise SchemaMismatch where a newer version of Bide has been at work."""
    if stamp is not None and stamp > head:
        raise SchemaMismatch(
            f"The database is at schema {stamp}; this version of Bide works with {head}.",
            hint=f"Upgrade Bide, or let the newer version go back: bide migrate down --to {head}.",
        )


def refuse_other(stamp: str | None, head: str) -> None:
    """Raise SchemaMismatch where this version cannot work."""
    refuse_newer(stamp, head)
    if stamp is None:
        raise SchemaMismatch("The database holds no tables of Bide.", hint="To create them: bide migrate up.")
    if stamp != head:
        raise SchemaMismatch(
            f"The database is at schema {stamp}; this version of Bide works with {head}.",
            hint="Bring it up to date: bide migrate up.",
        )
