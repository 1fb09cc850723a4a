"""What of a value a JSON schema does not take.

Patterns are read by Pydantic's engine, as in the model: `re` does not know all of them, and may take years where that
one cannot. `jsonschema` takes long to load: only who checks a response, or serves HTTP, loads this.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import orjson
from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema import ValidationError as FlawOfSchema
from jsonschema.protocols import Validator
from pydantic import AnyUrl, TypeAdapter, ValidationError
from pydantic_core import SchemaError, SchemaValidator, core_schema

from bide.codec import encode
from bide.flaws import told


def flaws(schema: str, given: Any) -> list[dict[str, str]]:
    """Each flaw with the JSON pointer to its place, up to SHOWN_FLAWS."""
    return told(_validator(schema).iter_errors(given))


def takes(schema: str, given: Any) -> bool:
    return not any(_validator(schema).iter_errors(given))


def _pydantic_formats() -> FormatChecker:
    """Formats as Pydantic writes and reads them; jsonschema knows most of them only with further packages."""
    checker = FormatChecker()
    kinds: dict[str, Any] = {
        "date": date, "date-time": datetime, "time": time, "duration": timedelta, "uuid": UUID, "uri": AnyUrl,
    }  # fmt: skip
    for name, kind in kinds.items():
        adapter: TypeAdapter[Any] = TypeAdapter(kind)

        def fits(value: object, adapter: TypeAdapter[Any] = adapter) -> bool:
            if isinstance(value, str):
                adapter.validate_json(encode(value))
            return True

        checker.checks(name, raises=ValidationError)(fits)
    return checker


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> SchemaValidator | None:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError:
        return None  # of a model with `regex_engine="python-re"`: only the model reads it, and it has the last word


def _matches(pattern: str, text: str) -> bool:
    known = _pattern(pattern)
    return known is None or known.isinstance_python(text)


def _check_pattern(validator: Validator, pattern: str, given: Any, _: Any) -> Iterator[FlawOfSchema]:
    if validator.is_type(given, "string") and not _matches(pattern, given):
        yield FlawOfSchema("does not match")


def _check_properties(validator: Any, patterns: dict[str, Any], given: Any, _: Any) -> Iterator[FlawOfSchema]:
    if validator.is_type(given, "object"):
        for pattern, schema in patterns.items():
            of_it = {name: schema for name in given if _pattern(pattern) and _matches(pattern, name)}
            yield from validator.evolve(schema={"properties": of_it}).iter_errors(given)


_FORMATS = _pydantic_formats()
_KEYWORDS = {"pattern": _check_pattern, "patternProperties": _check_properties}
_VALIDATOR: Any = cast("Any", validators).extend(Draft202012Validator, _KEYWORDS)  # its stubs are partial


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    return cast("Validator", _VALIDATOR(orjson.loads(schema), format_checker=_FORMATS))
