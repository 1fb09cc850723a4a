"""The statements, one per `.sql` file beside this module. `{{name}}` in one stands for the text of another.

A statement names its parameters `:so`, as those for SQLite do; the driver counts them. `bide.` before a table or a
function stands for the schema, which may have another name.

An array of anything but text goes to the server as one of text, `cast(:so as bigint[])`. No other arrays does asyncpg
know by itself: it would ask each new connection for their types, which takes longer than connecting, and turn its `jit`
off and on again for that, which behind a pooler may be done in two sessions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

_INCLUDE = re.compile(r"\{\{(\w+)\}\}")
_COMMENT = re.compile(r"--.*")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_SPELLED = re.compile(r"\bcast\(:([a-z_]+) as (bigint|boolean|integer)\[\]\)")
_SCHEMA = re.compile(r"\bbide\.(?=[a-z])")


class Statement:
    """A text with the names of its parameters, in the order in which they are counted."""

    __slots__ = ("_parameters", "_spelled", "_texts", "text")

    def __init__(self, text: str) -> None:
        text = _COMMENT.sub("", text)
        self._spelled = {match[1] for match in _SPELLED.finditer(text)}
        text = _SPELLED.sub(r"cast(cast(:\1 as text[]) as \2[])", text)
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
        spelled = self._spelled
        return [_spell(parameters[name]) if name in spelled else parameters[name] for name in self._parameters]


def _spell(values: Sequence[int | None]) -> list[str | None]:
    return [None if value is None else str(int(value)) for value in values]


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
