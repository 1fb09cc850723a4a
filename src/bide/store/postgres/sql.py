"""The statements, one per `.sql` file beside this module. `{{name}}` in one stands for the text of another.

A statement names its parameters `:so`, as those for SQLite do; the driver counts them. `bide.` before a table or a
function stands for the schema, which may have another name.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

_INCLUDE = re.compile(r"\{\{(\w+)\}\}")
_COMMENT = re.compile(r"--.*")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_SCHEMA = re.compile(r"\bbide\.(?=[a-z])")


class Statement:
    """A text with the names of its parameters, in the order in which they are counted."""

    __slots__ = ("_parameters", "_texts", "text")

    def __init__(self, text: str) -> None:
        text = _COMMENT.sub("", text)
        self._parameters = list(dict.fromkeys(_PARAMETER.findall(text)))
        self.text = _PARAMETER.sub(lambda match: f"${self._parameters.index(match[1]) + 1}", text).strip()
        self._texts: dict[str, str] = {}

    def within(self, schema: str) -> str:
        """The text, for this schema."""
        text = self._texts.get(schema)
        if text is None:
            text = self._texts[schema] = in_schema(self.text, schema)
        return text

    def arguments(self, parameters: dict[str, Any]) -> list[Any]:
        return [parameters[name] for name in self._parameters]


@cache
def statement(name: str) -> Statement:
    """The statement in `<name>.sql`."""
    return Statement(_read(name))


def in_schema(text: str, schema: str) -> str:
    """The same text for a schema of another name. Inside a text literal of SQL it stands quoted, as a name does."""
    quoted = quote(schema)
    return _SCHEMA.sub(lambda _: f"{quoted}.", text)


def quote(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _read(name: str) -> str:
    text = resources.files("bide.store.postgres").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda match: _read(match[1]), text)
