"""The OpenAPI document's words for what jobs take: a schema for each exposed type, so that clients are typed.

Read when the document is made, not when the router is: types are often registered after it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic_core import core_schema

from bide.errors import UnencodableType
from bide.http.schemas import NewJob, NewJobs
from bide.job_type import JobType

if TYPE_CHECKING:
    from bide.app import Bide

Endpoint = Callable[..., Any]


def with_inputs(app: Bide[Any], one: Endpoint, many: Endpoint, *, name: str | None) -> tuple[Endpoint, Endpoint]:
    """The same endpoints; the document tells of their `body` what each of the app's exposed types takes.

    one: takes one job, many: a batch. name: the router's, which tells its schemas from those of another router.
    """

    class Typed(NewJob):
        @classmethod
        def __get_pydantic_json_schema__(
            cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
        ) -> dict[str, Any]:
            described = super().__get_pydantic_json_schema__(schema, handler)
            if types := app.registry.exposed():
                inner = handler.resolve_ref_schema(described)
                members = [_describe(known, inner, handler) for known in types]
                # These alone: beside a member for every type, whatever else it has takes any input.
                for key in inner.keys() - {"title", "description"}:
                    del inner[key]
                inner["oneOf"] = members
            return described

    prefix = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name or ""))
    # Made so that the document names them as they are called, and not by where they were made.
    body = create_model(f"{prefix}CreateJob", __base__=Typed, __module__=__name__, __doc__=NewJob.__doc__)
    jobs: Any = (Annotated[list[body], Field(min_length=1)], ...)  # type: ignore[valid-type]
    bodies = create_model(f"{prefix}CreateJobs", __base__=NewJobs, __module__=__name__, jobs=jobs)
    return _taking(body, one), _taking(bodies, many)


def _taking(body: Any, endpoint: Endpoint) -> Endpoint:
    template = cast("FunctionType", endpoint)
    typed = FunctionType(template.__code__, template.__globals__, template.__name__, template.__defaults__)
    typed.__doc__ = template.__doc__
    typed.__annotations__ = {**get_type_hints(template, include_extras=True), "body": body}
    return typed


def _describe(known: JobType[..., Any], of_all: dict[str, Any], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    """What makes a job of this type. of_all: what makes a job of any."""
    taken = {**_input(known, handler), "title": f"Input of {known.name}"}
    properties = {**of_all["properties"], "type": {"type": "string", "const": known.name}, "input": taken}
    described = {
        **of_all,
        "title": known.name,
        "properties": properties,
        "required": ["type", "input"] if taken.get("required") else ["type"],
    }
    described.pop("description", None)
    if words := inspect.getdoc(known.definition.fn):
        described["description"] = words
    return described


def _input(known: JobType[..., Any], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    try:
        known.input_schema()
    except UnencodableType:
        return {"type": "object"}
    adapter: TypeAdapter[Any] = TypeAdapter(cast("Any", known.definition.input.annotation))
    return {**handler.resolve_ref_schema(handler(adapter.core_schema)), "additionalProperties": False}
