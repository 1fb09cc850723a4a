"""Is this response one that its prompt takes? Checked before anything is written, against the stored schema.

The schema travels with the prompt, so a process that never loaded the asking code can check. A process that knows the
Pydantic model behind a schema checks by the model too: its own validators, that no schema can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema import ValidationError as SchemaError
from pydantic import AnyUrl, BaseModel, TypeAdapter, ValidationError

from bide.codec import encode
from bide.errors import InvalidResponse
from bide.store.base import Action, PromptRow

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
    given = response.model_dump(mode="json", by_alias=True) if isinstance(response, BaseModel) else dict(response)
    if given == {"action": "cancel"}:
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


def _flaws(schema: str, given: Any) -> Iterator[SchemaError]:
    return _validator(schema).iter_errors(given)  # pyright: ignore[reportUnknownMemberType] - its stubs are partial


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


_FORMATS = _pydantic_formats()


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(orjson.loads(schema), format_checker=_FORMATS)


def _pointer(path: Iterable[str | int]) -> str:
    """RFC 6901."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
