"""JSON Schema (2020-12), as Pydantic writes it, as TypeScript types."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_ODD = re.compile(r"[^A-Za-z0-9_$]+")
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}

INDENT = "  "


class Declarations:
    """The named types of several schemas. What is named alike and is alike is declared once, else under two names."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        """Names of types, and what each is a type of: its schema with what it refers to, as text."""
        self._bodies: dict[str, str] = {}

    def type_of(self, schema: Mapping[str, Any], indent: str = "", *, written: bool = False) -> str:
        """The type of what fits this schema, for a line that is indented so; what it names is declared.

        written: it is of what Bide writes, where no field is left out. What a client sends may leave out those that
        have a default, and is named `…Input` where that makes a difference.
        """
        defs: dict[str, Any] = dict(schema.get("$defs", {}))
        title = schema.get("title")
        if title is None or not schema.get("properties"):
            return _Reader(self, defs, written=written).type_of(schema, indent)
        # A model that is asked for itself has a name too.
        defs[title] = {name: part for name, part in schema.items() if name != "$defs"}
        return _Reader(self, defs, written=written).type_of({"$ref": f"#/$defs/{title}"}, indent)

    def lines(self) -> Sequence[str]:
        return [body for _, body in sorted(self._bodies.items())]

    def name(self, wanted: str, meaning: str) -> tuple[str, bool]:
        """The name of what is so named and means this, and whether it is new."""
        base = _ODD.sub("_", wanted).strip("_") or "Type"
        base = f"_{base}" if base[0].isdigit() else base
        name, number = base, 1
        while self._named.setdefault(name, meaning) != meaning:
            number += 1
            name = f"{base}{number}"
        known = name in self._bodies
        self._bodies.setdefault(name, "")
        return name, not known

    def declare(self, name: str, body: str) -> None:
        self._bodies[name] = body


class _Reader:
    """Reads one schema, whose `$ref` are among `defs`."""

    def __init__(self, declarations: Declarations, defs: Mapping[str, Any], *, written: bool) -> None:
        self._declarations = declarations
        self._defs = defs
        self._written = written

    def type_of(self, schema: Mapping[str, Any] | bool, indent: str) -> str:
        match schema:
            case bool():
                return "unknown" if schema else "never"
            case {"$ref": str(ref)}:
                return self._named(ref.rpartition("/")[2].replace("~1", "/").replace("~0", "~"))
            case {"const": constant}:
                return _literal(constant)
            case {"enum": [*values]}:
                return " | ".join(map(_literal, values)) or "never"
            case {"anyOf": [*kinds]} | {"oneOf": [*kinds]}:
                return " | ".join(dict.fromkeys(self.type_of(kind, indent) for kind in kinds)) or "never"
            case {"allOf": [*kinds]}:
                return " & ".join(f"({self.type_of(kind, indent)})" for kind in kinds)
            case {"type": [*kinds]}:
                return " | ".join(self.type_of({**schema, "type": kind}, indent) for kind in kinds)
            case {"type": "array"}:
                return self._array(schema, indent)
            case {"type": "object"} | {"properties": _}:
                return self._object(schema, indent)
            case {"type": str(plain)}:
                return _PLAIN.get(plain, "unknown")
            case _:
                return "unknown"

    def _named(self, ref: str) -> str:
        schema = self._defs.get(ref)
        if schema is None:
            return "unknown"
        reached = {name: self._defs[name] for name in sorted(self._reached(schema))}
        partial = not self._written and any(map(_leaves_out, [schema, *reached.values()]))
        name, new = self._declarations.name(
            str(schema.get("title") or ref) + ("Input" if partial else ""), json.dumps([schema, reached, partial])
        )
        if new:
            body = self.type_of(schema, "")
            comment = _comment(schema.get("description"), "")
            plain = body.startswith("{\n") and "properties" in schema
            text = f"export interface {name} {body}" if plain else f"export type {name} = {body};"
            self._declarations.declare(name, comment + text)
        return name

    def _reached(self, schema: object) -> set[str]:
        """What a schema refers to, and what that does."""
        found: set[str] = set()
        left: list[object] = [schema]
        while left:
            part = left.pop()
            if isinstance(part, list):
                left += cast("list[object]", part)
            elif isinstance(part, dict):
                fields = cast("dict[str, object]", part)
                left += fields.values()
                name = str(fields.get("$ref")).rpartition("/")[2]
                if name not in found and name in self._defs:
                    found.add(name)
                    left.append(self._defs[name])
        return found

    def _array(self, schema: Mapping[str, Any], indent: str) -> str:
        items = schema.get("items", True)
        rest = f"{_wrapped(self.type_of(items, indent))}[]"
        first = [self.type_of(item, indent) for item in schema.get("prefixItems", ())]
        if not first:
            return rest
        closed = items is False or schema.get("maxItems") == len(first)
        return f"[{', '.join(first if closed else [*first, f'...{rest}'])}]"

    def _object(self, schema: Mapping[str, Any], indent: str) -> str:
        properties: Mapping[str, dict[str, Any] | bool] = schema.get("properties", {})
        others: Mapping[str, Any] | bool = schema.get("additionalProperties", not properties)
        if not properties:
            return "Record<string, never>" if others is False else f"Record<string, {self.type_of(others, indent)}>"
        required = set(properties if self._written else schema.get("required", ()))
        deeper = indent + INDENT
        lines = [
            f"{_comment(part.get('description') if isinstance(part, dict) else None, deeper)}"
            f"{deeper}{key(name)}{'' if name in required else '?'}: {self.type_of(part, deeper)};"
            for name, part in properties.items()
        ]
        if not isinstance(others, bool):
            lines.append(f"{deeper}[name: string]: unknown;")
        return "{\n" + "\n".join(lines) + f"\n{indent}}}"


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float | None) else "unknown"


def _leaves_out(schema: Mapping[str, Any]) -> bool:
    return not set(schema.get("properties", ())) <= set(schema.get("required", ()))


def key(name: str) -> str:
    """The name of a property."""
    return name if _IDENTIFIER.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _wrapped(kind: str) -> str:
    return f"({kind})" if "|" in kind or "&" in kind else kind


def _comment(text: object, indent: str) -> str:
    if not isinstance(text, str) or not text.strip():
        return ""
    lines = text.strip().replace("*/", "*\u200b/").splitlines()
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return "\n".join([f"{indent}/**", *(f"{indent} * {line.strip()}".rstrip() for line in lines), f"{indent} */\n"])
