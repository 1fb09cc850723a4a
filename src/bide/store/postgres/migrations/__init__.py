"""The schema and its history. Importing this is cheap: Alembic is loaded only when something is to be migrated."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources

from bide.errors import InvalidOption
from bide.store.postgres.sql import in_schema

HEAD = "0001"
"""The revision this code works with; a test holds it against the newest script."""

SCHEMA = "bide"
"""Where the tables are, unless a store is told otherwise."""

VERSION_TABLE = "version"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


def include_name(name: str | None, type_: str, parent_names: object) -> bool:  # noqa: ARG001 - Alembic's signature
    """For the `include_name` of a host's own Alembic environment, so that autogenerate leaves Bide's schema alone.

    context.configure(..., include_schemas=True, include_name=include_name)
    """
    return not (type_ == "schema" and name == SCHEMA)


def include_name_without(schema: str) -> Callable[[str | None, str, object], bool]:
    """As `include_name`, where the schema has another name."""

    def include(name: str | None, type_: str, parent_names: object) -> bool:  # noqa: ARG001 - Alembic's signature
        return not (type_ == "schema" and name == schema)

    return include


def function(name: str) -> str:
    """What creates a function. Its name has a version, and once it is released its text does not change."""
    return resources.files("bide.store.postgres.migrations").joinpath(f"functions/{name}.sql").read_text("utf-8")


def schema_name(name: str) -> str:
    """The name, if it is one. Raises InvalidOption."""
    if not _NAME.fullmatch(name):
        raise InvalidOption(
            f"{name!r} cannot be the name of a schema.",
            hint="Use letters, digits and underscores, 60 of them at most.",
        )
    return name


__all__ = ["HEAD", "SCHEMA", "VERSION_TABLE", "function", "in_schema", "include_name", "include_name_without"]
