"""The OpenAPI document's words for what jobs take: a schema for each exposed type, so that clients are typed.

Read when the document is made, not when the router is: types are often registered after it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
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
                _show(inner, example(types, handler))
            return described

    class TypedMany(NewJobs):
        @classmethod
        def __get_pydantic_json_schema__(
            cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
        ) -> dict[str, Any]:
            described = super().__get_pydantic_json_schema__(schema, handler)
            if types := app.registry.exposed():
                one = example(types, handler)
                _show(handler.resolve_ref_schema(described), one and {"jobs": [one]})
            return described

    def example(types: Sequence[JobType[..., Any]], handler: GetJsonSchemaHandler) -> dict[str, Any] | None:
        return next(filter(None, (_example(known, handler) for known in types)), None)

    prefix = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name or ""))
    # Made so that the document names them as they are called, and not by where they were made.
    body = create_model(f"{prefix}CreateJob", __base__=Typed, __module__=__name__, __doc__=NewJob.__doc__)
    jobs: Any = (Annotated[list[body], Field(min_length=1)], ...)  # type: ignore[valid-type]
    bodies = create_model(
        f"{prefix}CreateJobs", __base__=TypedMany, __module__=__name__, __doc__=NewJobs.__doc__, jobs=jobs
    )
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
    described.pop("examples", None)
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


# ── Examples ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _show(described: dict[str, Any], example: dict[str, Any] | None) -> None:
    """This example, instead of one that is of no type of this app."""
    described.pop("examples", None)
    if example is not None:
        described["examples"] = [example]


def _example(known: JobType[..., Any], handler: GetJsonSchemaHandler) -> dict[str, Any] | None:
    """The least that makes a job of this type; None where its schema does not say what that is."""
    taken = _sample(_input(known, handler), handler)
    return None if taken is None else {"type": known.name, **({"input": taken} if taken else {})}


PLAIN: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}
NO_BOUND = frozenset({"title", "description", "type", "items"})
"""What leaves the plain value of a type a value of it; any other keyword may not."""


def _sample(described: dict[str, Any], handler: GetJsonSchemaHandler) -> Any:
    """A value that fits, without what may be left out. None where it is not plain to see, or the value is None."""
    described = handler.resolve_ref_schema(described)
    if described.get("examples"):
        return described["examples"][0]
    if "const" in described:
        return described["const"]
    if described.get("enum"):
        return described["enum"][0]
    if choices := described.get("anyOf"):
        return next((value for value in (_sample(choice, handler) for choice in choices) if value is not None), None)
    if described.get("type") == "object":
        needed = {name: _sample(described["properties"][name], handler) for name in described.get("required", ())}
        return None if None in needed.values() else needed
    if described.keys() - NO_BOUND:
        return None
    return PLAIN.get(described.get("type", ""))
