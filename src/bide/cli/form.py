"""Fill in a form from its JSON schema, field by field. What this cannot ask piece by piece is typed as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final, NoReturn, cast

from jsonschema import Draft202012Validator, FormatChecker

from bide.cli.terminal import Errors, Path, Terminal
from bide.cli.text import as_json, one_line

Schema = Mapping[str, Any]


class _Nothing:
    """The type of a value that is left out."""


NOTHING: Final = _Nothing()

EMPTY_TEXT = '""'
"""What is typed for a text without characters: an empty line means no answer."""

LEAVE_OUT = "-"

HOW_TO_LEAVE_OUT = (
    f"An empty line takes what stands in [ ]; {LEAVE_OUT} leaves an optional value out, {EMPTY_TEXT} is an empty text."
)

FORMATS: dict[str, tuple[str, Callable[[str], object]]] = {
    "date": ("YYYY-MM-DD", date.fromisoformat),
    "date-time": ("YYYY-MM-DDTHH:MM:SS+00:00", datetime.fromisoformat),
    "time": ("HH:MM:SS", time.fromisoformat),
}
"""Formats that are checked here, as the general checker does not know all of them; with what a person reads."""

MERGED_LEVELS = 20
"""References followed in a row before a schema counts as circular."""


class FormReader:
    """Reads values for one root schema."""

    def __init__(self, terminal: Terminal, root: Schema, refused: Errors) -> None:
        self._terminal = terminal
        self._root = root
        self._refused = refused

    def read(self, initial: Mapping[str, Any]) -> dict[str, Any]:
        """The whole response. `initial` holds what is offered for each field."""
        schema = self._resolve(self._root)
        self._terminal.complain(self._refused.outside(*_properties(schema)))
        if _properties(schema):
            return self._object(schema, (), initial)
        whole = {"type": "object", **schema}
        return cast("dict[str, Any]", self._json(whole, (), _label(schema, ()), True, initial or NOTHING))

    # ── Any value ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, schema: Schema, path: Path, *, required: bool, offered: Any) -> Any:
        """One value, or NOTHING where it is left out. `offered` is taken for an empty line."""
        label = _label(schema, path)
        schema = {**self._resolve(schema), "title": label}
        if "const" in schema:
            return schema["const"]
        if offered is NOTHING and "default" in schema:
            offered = schema["default"]
        variants = _variants(schema)
        if variants:
            return self._variant(schema, variants, path, label, required, offered)
        self._terminal.complain(self._refused.at(path))
        if isinstance(schema.get("description"), str):
            self._terminal.say(f"  {schema['description']}", "dim")
        if "enum" in schema:
            return self._choice(schema, label, required, offered)
        match schema.get("type"):
            case "string":
                return self._text(schema, label, required, offered)
            case "integer" | "number":
                return self._line(schema, f"{label}{_bounds(schema)}", _number, required, offered)
            case "boolean":
                return self._line(schema, f"{label} (y or n)", _boolean, required, offered)
            case "object" if _properties(schema):
                return self._nested(schema, path, label, required, offered)
            case "array" if self._is_askable(schema):
                return self._array(schema, path, label, required, offered)
            case _:
                return self._json(schema, path, label, required, offered)

    def _line(self, schema: Schema, label: str, parse: Callable[[str], Any], required: bool, offered: Any) -> Any:
        """Ask for one line until it is a value that fits."""
        if offered is not NOTHING and offered is not None:
            label += f" [{_shown(offered)}]"
        elif not required:
            label += " (optional)"
        while True:
            given = self._terminal.ask(label)
            if not given and (offered is not NOTHING or not required):
                return offered
            if given == LEAVE_OUT and not required:
                return NOTHING
            if not given:
                self._terminal.complain(["An answer is needed."])
                continue
            try:
                value = parse(given)
            except ValueError as error:
                self._terminal.complain([str(error)])
                continue
            flaws = self._flaws(schema, value)
            if not flaws:
                return value
            self._terminal.complain(flaws)

    def _flaws(self, schema: Schema, value: Any) -> list[str]:
        """What the schema has against a value: so a person is told at once, not after the last field."""
        rules = {**schema, "$defs": self._root.get("$defs", {})}
        validator: Any = Draft202012Validator(rules, format_checker=FormatChecker())
        return [one_line(flaw.message) for flaw in validator.iter_errors(value)]

    # ── Plain values ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _text(self, schema: Schema, label: str, required: bool, offered: Any) -> Any:
        kind = schema.get("format")
        hint, check = FORMATS.get(str(kind), (str(kind) if kind else "", str))

        def parse(given: str) -> str:
            if given == EMPTY_TEXT:
                return ""
            try:
                check(given)
            except ValueError:
                raise ValueError(f"Write it as {hint}.") from None
            return given

        return self._line(schema, f"{label} ({hint})" if hint else label, parse, required, offered)

    def _choice(self, schema: Schema, label: str, required: bool, offered: Any) -> Any:
        choices = list(cast("Sequence[Any]", schema["enum"]))
        for number, choice in enumerate(choices, 1):
            self._terminal.say(f"  [{number}] {_shown(choice)}")

        def parse(given: str) -> Any:
            for number, choice in enumerate(choices, 1):
                if given.lower() in {str(number), _shown(choice).lower()}:
                    return choice
            raise ValueError(f"Give a number from 1 to {len(choices)}.")

        return self._line(schema, label, parse, required, offered)

    def _json(self, schema: Schema, path: Path, label: str, required: bool, offered: Any) -> Any:
        # Nothing is asked piece by piece here, so what was refused inside it is told here.
        inside = [message for message in self._refused.under(path) if message not in self._refused.at(path)]
        self._terminal.complain(inside)
        return self._line(schema, f"{label} (as JSON)", _parse_json, required, offered)

    # ── What holds other values ──────────────────────────────────────────────────────────────────────────────────────

    def _object(self, schema: Schema, path: Path, offered: Mapping[str, Any]) -> dict[str, Any]:
        needed = cast("Sequence[str]", schema.get("required", ()))
        filled: dict[str, Any] = {}
        for name, field in _properties(schema).items():
            value = self._value(field, (*path, name), required=name in needed, offered=offered.get(name, NOTHING))
            if value is not NOTHING:
                filled[name] = value
        return filled

    def _nested(self, schema: Schema, path: Path, label: str, required: bool, offered: Any) -> Any:
        known = isinstance(offered, Mapping)
        if not required and not self._terminal.agree(f"Fill in {label}?", default=known):
            return NOTHING if known else offered
        self._terminal.say(f"  {label}:", "bold")
        return self._object(schema, path, cast("Mapping[str, Any]", offered) if known else {})

    def _is_askable(self, array: Schema) -> bool:
        """Whether its items can be asked one by one: only where an empty line cannot be an item itself."""
        if not isinstance(array.get("items"), Mapping) or "prefixItems" in array:
            return False
        item = self._resolve(cast("Schema", array["items"]))
        plain = "enum" in item or item.get("type") in {"string", "integer", "number", "boolean"}
        return "const" not in item and not _variants(item) and (plain or bool(_properties(item)))

    def _array(self, schema: Schema, path: Path, label: str, required: bool, offered: Any) -> Any:
        if isinstance(offered, list) and offered:
            shown = one_line(as_json(offered, indent=None), 100)
            if self._terminal.agree(f"{label}: keep {shown}?", default=True):
                return cast("Any", offered)
        while True:
            items = self._items(cast("Schema", schema["items"]), path, label, schema.get("maxItems"))
            flaws = self._flaws(schema, items)
            if not flaws:
                return items
            if not items and not required:
                return NOTHING
            self._terminal.complain(flaws)

    def _items(self, schema: Schema, path: Path, label: str, most: int | None) -> list[Any]:
        self._terminal.say(f"  {label}: one after the other; an empty line ends them", "dim")
        items: list[Any] = []
        entry = {**self._resolve(schema)}
        entry.pop("default", None)
        while most is None or len(items) < most:
            entry["title"] = f"{label} {len(items) + 1}"
            value = self._value(entry, (*path, len(items)), required=False, offered=NOTHING)
            if value is NOTHING:
                break
            items.append(value)
        return items

    def _variant(
        self, schema: Schema, variants: Sequence[Schema], path: Path, label: str, required: bool, offered: Any
    ) -> Any:
        """One of several schemas. Null among them means that it may be left empty."""
        resolved = [self._resolve(variant) for variant in variants]
        real = [variant for variant in resolved if variant.get("type") != "null"]
        nullable = len(real) < len(resolved)
        if not real:
            return None
        chosen = {**(real[0] if len(real) == 1 else self._chosen_variant(real, label)), "title": label}
        if "description" in schema:
            chosen["description"] = schema["description"]
        value = self._value(chosen, path, required=required and not nullable, offered=offered)
        return None if nullable and (value is NOTHING or value is None) else value

    def _chosen_variant(self, variants: Sequence[Schema], label: str) -> Schema:
        self._terminal.say(f"  {label} is one of:")
        for number, variant in enumerate(variants, 1):
            name = variant.get("title") or variant.get("type") or as_json(variant, indent=None)
            self._terminal.say(f"  [{number}] {name}")
        while True:
            given = self._terminal.ask(f"{label}: which")
            if given.isdecimal() and 1 <= int(given) <= len(variants):
                return variants[int(given) - 1]
            self._terminal.complain([f"Give a number from 1 to {len(variants)}."])

    # ── Schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _resolve(self, schema: Schema) -> Schema:
        """The schema with its references followed; what stands beside a reference wins."""
        for _ in range(MERGED_LEVELS):
            parts: list[Schema] = []
            if isinstance(schema.get("$ref"), str):
                parts.append(self._definition(schema["$ref"]))
            elif isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
                parts.append(schema["allOf"][0])
            if not parts:
                return schema
            schema = {**parts[0], **{name: value for name, value in schema.items() if name not in {"$ref", "allOf"}}}
        return {}

    def _definition(self, reference: str) -> Schema:
        found: Any = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            if not isinstance(found, Mapping):
                return {}
            found = cast("Schema", found).get(part.replace("~1", "/").replace("~0", "~"))
        return cast("Schema", found) if isinstance(found, Mapping) else {}


def _properties(schema: Schema) -> Mapping[str, Schema]:
    return cast("Mapping[str, Schema]", schema.get("properties", {}))


def _variants(schema: Schema) -> Sequence[Schema]:
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": one} for one in schema["type"]]
    return cast("Sequence[Schema]", schema.get("anyOf") or schema.get("oneOf") or ())


def _label(schema: Schema, path: Path) -> str:
    """What a field is called: by its own title, never by that of the type it refers to."""
    # Written as Pydantic writes the titles it makes up.
    return str(schema.get("title") or str(path[-1] if path else "Response").replace("_", " ").title())


def _bounds(schema: Schema) -> str:
    words = ["whole number" if schema.get("type") == "integer" else "number"]
    for rule, saying in (
        ("minimum", "from"),
        ("exclusiveMinimum", "above"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
    ):
        if rule in schema:
            words.append(f"{saying} {schema[rule]}")
    return f" ({' '.join(words)})"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value, indent=None)


def _number(given: str) -> int | float:
    try:
        return int(given)
    except ValueError:
        pass
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("Write a number.")
    return value


def _boolean(given: str) -> bool:
    match given.lower():
        case "y" | "yes" | "true":
            return True
        case "n" | "no" | "false":
            return False
        case _:
            raise ValueError("Answer y or n.")


def _parse_json(given: str) -> Any:
    try:
        return json.loads(given, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("This is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"This is not JSON: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")
