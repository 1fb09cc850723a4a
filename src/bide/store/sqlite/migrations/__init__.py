"""The schema and its history. Importing this is cheap: Alembic is loaded only when something is to be migrated."""

from __future__ import annotations

HEAD = "0001"
"""The revision this code works with; a test holds it against the newest script."""

VERSION_TABLE = "bide_version"


def include_name(name: str | None, type_: str, parent_names: object) -> bool:  # noqa: ARG001 - Alembic's signature
    """For the `include_name` of a host's own Alembic environment, so that autogenerate leaves Bide's tables alone.

    context.configure(..., include_name=include_name)
    """
    return not (type_ == "table" and name is not None and name.startswith("bide_"))
