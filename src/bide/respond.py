"""Is this response one that its prompt takes? Checked before anything is written, against the stored schema.

The schema travels with the prompt, so a process that never loaded the asking code can check. A process that knows the
Pydantic model behind a schema checks by the model too: its own validators, that no schema can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, repeat
from typing import Any, cast

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from bide.codec import decode, encode, flaws_in
from bide.errors import InvalidResponse
from bide.store.base import Action, PromptRow, ResponseRow


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
    errors = _flaws(prompt.schema, given)
    adapter = forms.find(prompt.schema)
    if not errors and adapter is not None:
        try:
            adapter.validate_json(text, by_alias=True)
        except ValidationError as invalid:
            errors = flaws_in(given, invalid)
    if errors:
        raise InvalidResponse(f"The response does not fit the question {prompt.key!r}.", errors)
    return "answer", text


MASK = "**********"
"""What is shown of a secret, as Pydantic shows it."""


def shown(schema: str, value: Any) -> Any:
    """An answer as readers see it: without what its schema says is only to be written, a `SecretStr` say."""
    if value is None or '"writeOnly"' not in schema:
        return value
    whole: dict[str, Any] = orjson.loads(schema)
    return _masked(whole, value, whole.get("$defs", {}))


def _masked(schema: Any, value: Any, defs: Mapping[str, Any]) -> Any:
    if not isinstance(schema, dict):
        return value
    rules = cast("dict[str, Any]", schema)
    if rules.get("writeOnly") and value is not None:
        return MASK
    named = defs.get(str(rules.get("$ref")).rpartition("/")[2])
    for part in (named, *(part for kind in ("anyOf", "oneOf", "allOf") for part in rules.get(kind, ()))):
        value = _masked(part, value, defs)
    if isinstance(value, dict):
        known, others = rules.get("properties", {}), rules.get("additionalProperties")
        fields = cast("dict[str, Any]", value)
        return {name: _masked(known.get(name, others), given, defs) for name, given in fields.items()}
    if isinstance(value, list):
        items = chain(rules.get("prefixItems", ()), repeat(rules.get("items")))
        given_items = cast("list[Any]", cast("object", value))
        return [_masked(part, given, defs) for part, given in zip(items, given_items, strict=False)]
    return value


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
    return _takes(schema, _CANCEL) and not _takes(schema, {"action": [_CANCEL]})


def _flaws(schema: str, given: Any) -> list[dict[str, str]]:
    from bide.conforming import flaws

    return flaws(schema, given)


def _takes(schema: str, given: Any) -> bool:
    from bide.conforming import takes

    return takes(schema, given)
