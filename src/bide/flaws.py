"""What does not fit a JSON schema, told to who wrote it: each flaw at its own place, in words that say what is taken.

The messages of `jsonschema` show the value as Python writes it, stand above the place of what is missing, and say of a
choice no more than that nothing fits. Here a choice is followed into the branch that was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import chain, groupby
from typing import Any, NamedTuple, cast

import orjson
from jsonschema import ValidationError

from bide.codec import pointer
from bide.errors import SHOWN_FLAWS

Path = tuple[str | int, ...]

SHOWN = 200
"""Characters of what a schema says that a message shows."""


class Flaw(NamedTuple):
    path: Path
    message: str


def told(errors: Iterable[ValidationError]) -> list[dict[str, str]]:
    """The flaws, each once, up to SHOWN_FLAWS."""
    found: dict[Flaw, None] = {}
    for flaw in chain.from_iterable(map(flaws_of, errors)):
        found[flaw] = None
        if len(found) == SHOWN_FLAWS:
            break
    return [{"path": pointer(flaw.path), "message": flaw.message} for flaw in found]


def flaws_of(error: ValidationError) -> Iterator[Flaw]:
    """The flaws that an error of `jsonschema` stands for."""
    path, limit, value = tuple(error.absolute_path), cast("Any", error.validator_value), cast("Any", error.instance)
    match error.validator:
        case "required":
            # Each missing name makes an error that does not tell it: all are told here, and `told` drops repeats.
            missing = [name for name in limit if name not in value]
            yield from (Flaw((*path, name), "is required") for name in missing)
        case "additionalProperties" | "unevaluatedProperties":
            schema = cast("Mapping[str, Any]", error.schema)
            if "patternProperties" in schema:
                yield Flaw(path, "holds a field that is not known here")
                return
            known = schema.get("properties", {})
            yield from (Flaw((*path, name), "is not known here") for name in value if name not in known)
        # A branch that is `false` has no path, and takes nothing. Without errors within, several branches fit.
        case "anyOf" | "oneOf" if within := [one for one in error.context or () if one.relative_schema_path]:
            yield from _of_choice(path, within)
        case "const" | "enum":
            yield Flaw(path, _none_of(_taken(error)))
        case "type":
            yield Flaw(path, _no_type(_taken(error)))
        case str() as keyword if keyword in _MESSAGES:
            yield Flaw(path, _MESSAGES[keyword](limit))
        case _:  # the schema was written by hand, or is `false`
            yield Flaw(path, "is not taken here")


def _of_choice(path: Path, errors: Sequence[ValidationError]) -> Iterator[Flaw]:
    """What does not fit any branch of a choice: told of the branch that was meant, or of what all of them want."""
    branches = [list(found) for _, found in groupby(errors, lambda error: error.relative_schema_path[0])]
    nearest = min(_distance(branch) for branch in branches)
    meant = [branch for branch in branches if _distance(branch) == nearest]
    if len(meant) == 1:
        for error in meant[0]:
            yield from flaws_of(error)
        return
    flaws = [dict.fromkeys(flaw for error in branch for flaw in flaws_of(error)) for branch in meant]
    if shared := [flaw for flaw in flaws[0] if all(flaw in others for others in flaws)]:
        yield from shared
        return
    # They differ in what they take at one place.
    decisive = [next(error for error in branch if _distance([error]) == nearest) for branch in meant]
    at = tuple(decisive[0].absolute_path)
    if nearest is _Distance.OTHER_VALUE and all(tuple(error.absolute_path) == at for error in decisive):
        yield Flaw(at, _none_of([one for error in decisive for one in _taken(error)]))
    elif nearest is _Distance.OTHER_TYPE:
        yield Flaw(at, _no_type([one for error in decisive for one in _taken(error)]))
    else:
        yield Flaw(path, "fits none of what is taken here")


class _Distance(IntEnum):
    """How far a value is from a branch of a choice. Branches are told apart by the types that they take, and by
    constants: the value itself, or one of its fields."""

    NEAR = 0
    OTHER_VALUE = 1
    OTHER_TYPE = 2


def _distance(errors: Sequence[ValidationError]) -> _Distance:
    distance = _Distance.NEAR
    for error in errors:
        path = error.relative_path
        if error.validator == "type" and not path:
            return _Distance.OTHER_TYPE
        if error.validator in {"const", "enum"} and (not path or (len(path) == 1 and isinstance(path[0], str))):
            distance = _Distance.OTHER_VALUE
    return distance


def _taken(error: ValidationError) -> Sequence[Any]:
    """The values that `const` and `enum`, or the types that `type` takes."""
    limit = cast("Any", error.validator_value)
    return [limit] if error.validator == "const" or isinstance(limit, str) else limit


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _none_of(values: Sequence[Any]) -> str:
    shown = [orjson.dumps(value).decode() for value in values]
    return _cut(f"is not {shown[0]}" if len(shown) == 1 else f"is none of {', '.join(dict.fromkeys(shown))}")


def _no_type(names: Sequence[str]) -> str:
    return f"is not of the type {' or '.join(dict.fromkeys(names))}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


_MESSAGES: Mapping[str, Callable[[Any], str]] = {
    "minLength": lambda least: f"is shorter than {least:,} character{'s' * (least != 1)}" if least != 1 else "is empty",
    "maxLength": lambda most: f"is longer than {most:,} character{'s' * (most != 1)}",
    "minimum": lambda least: f"is less than {least}",
    "maximum": lambda most: f"is more than {most}",
    "exclusiveMinimum": lambda bound: f"is not more than {bound}",
    "exclusiveMaximum": lambda bound: f"is not less than {bound}",
    "multipleOf": lambda unit: f"is no multiple of {unit}",
    "pattern": lambda pattern: _cut(f"does not match the pattern {pattern}"),
    "format": lambda name: f"is not a valid {name}",
    "minItems": lambda least: f"has fewer than {least:,} item{'s' * (least != 1)}",
    "maxItems": lambda most: f"has more than {most:,} item{'s' * (most != 1)}",
    "uniqueItems": lambda _: "holds an item twice",
    "minProperties": lambda least: f"has fewer than {least:,} field{'s' * (least != 1)}",
    "maxProperties": lambda most: f"has more than {most:,} field{'s' * (most != 1)}",
}
