"""Is this response one that its prompt takes? Checked before anything is written, against the stored schema.

The schema travels with the prompt, so a process that never loaded the asking code can check. A process that knows the
Pydantic model behind a schema checks by the model too: its own validators, that no schema can tell. Patterns are read
by Pydantic's engine, as in the model: `re` does not know all of them, and may take years where that one cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, cast
from uuid import UUID

import orjson
from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema import ValidationError as FlawOfSchema
from jsonschema.protocols import Validator
from pydantic import AnyUrl, BaseModel, TypeAdapter, ValidationError
from pydantic_core import SchemaError, SchemaValidator, core_schema

from bide.codec import decode, encode
from bide.errors import InvalidResponse
from bide.store.base import Action, PromptRow, ResponseRow

SHOWN_ERRORS = 20


class Forms:
    """The Pydantic models that this process knows, by the JSON schema they make."""

    def __init__(self) -> None:
        self._adapters: dict[str, TypeAdapter[Any]] = {}

    def add(self, models: Iterable[type[BaseModel]]) -> None:
        for model in models:
            adapter: TypeAdapter[Any] = TypeAdapter(model)
            self._adapters[encode(adapter.json_schema(by_alias=True, mode="validation"))] = adapter

    def find(self, schema: str) -> TypeAdapter[Any] | None:
        return self._adapters.get(schema)


def read_response(
    prompt: PromptRow, response: Mapping[str, Any] | BaseModel, forms: Forms
) -> tuple[Action, str | None]:
    """What a response asks for: an answer with its JSON text, or to cancel the job.

    Raises InvalidResponse with a JSON pointer for each flaw, and InvalidPayload for what is not JSON at all.
    """
    given = _as_json(response)
    if given == _CANCEL and not _is_answer(prompt.schema):
        return "cancel", None
    text = encode(given)
    errors = [
        {"path": _pointer(flaw.absolute_path), "message": flaw.message[:300]}
        for flaw in islice(_flaws(prompt.schema, given), SHOWN_ERRORS)
    ]
    adapter = forms.find(prompt.schema)
    if not errors and adapter is not None:
        try:
            adapter.validate_json(text, by_alias=True)
        except ValidationError as invalid:
            errors = [
                {"path": _pointer(flaw["loc"]), "message": flaw["msg"]}
                for flaw in invalid.errors(include_url=False, include_context=False, include_input=False)
            ]
    if errors:
        raise InvalidResponse(f"The response does not fit the question {prompt.key!r}.", errors)
    return "answer", text


def repeats(recorded: ResponseRow, response: Mapping[str, Any] | BaseModel) -> bool:
    """Whether this is the response that was recorded, sent once more."""
    given = _as_json(response)
    if recorded.action == "cancel":
        return given == _CANCEL
    return recorded.value is not None and decode(recorded.value) == decode(encode(given))


def _as_json(response: Mapping[str, Any] | BaseModel) -> dict[str, Any]:
    return response.model_dump(mode="json", by_alias=True) if isinstance(response, BaseModel) else dict(response)


_CANCEL = {"action": "cancel"}


def _is_answer(schema: str) -> bool:
    """Whether to cancel is among the schema's own answers, not just a further field that it does not mind."""
    return not any(_flaws(schema, _CANCEL)) and any(_flaws(schema, {"action": [_CANCEL]}))


def _flaws(schema: str, given: Any) -> Iterator[FlawOfSchema]:
    return _validator(schema).iter_errors(given)


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
        yield FlawOfSchema(f"{given!r} does not match {pattern!r}")


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


def _pointer(path: Iterable[str | int]) -> str:
    """RFC 6901."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
