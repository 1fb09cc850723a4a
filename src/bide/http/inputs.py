"""The OpenAPI document's words for what jobs take: a schema for each exposed type, so that clients are typed.

Read when the document is made, not when the router is: types are often registered after it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast, get_type_hints

from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic_core import core_schema

from bide.http.schemas import NewJob
from bide.job_type import JobType

if TYPE_CHECKING:
    from bide.app import Bide


def with_inputs(app: Bide[Any], endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The same endpoint; the document tells of its `body` what each of the app's exposed types takes."""

    class CreateJob(NewJob):
        __doc__ = NewJob.__doc__

        @classmethod
        def __get_pydantic_json_schema__(
            cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
        ) -> dict[str, Any]:
            described = handler(schema)
            inner = handler.resolve_ref_schema(described)
            if types := [_describe(known, handler) for known in app.registry.exposed()]:
                inner["anyOf"] = types
            return described

    template = cast("FunctionType", endpoint)
    typed = FunctionType(template.__code__, template.__globals__, template.__name__, template.__defaults__)
    typed.__doc__ = template.__doc__
    typed.__annotations__ = {**get_type_hints(template, include_extras=True), "body": CreateJob}
    return typed


def _describe(known: JobType[..., Any], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    annotation: Any = known.definition.input.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    taken = {**handler.resolve_ref_schema(handler(adapter.core_schema)), "title": f"Input of {known.name}"}
    taken.setdefault("additionalProperties", False)
    required = ["type", "input"] if taken.get("required") else ["type"]
    return {
        "title": known.name,
        "properties": {"type": {"const": known.name}, "input": taken},
        "required": required,
    }
