"""`bide types`: the job types of an app as TypeScript, for `@bide/client` and `@bide/react`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.json_schema import JsonSchemaMode

from bide.app import Bide
from bide.cli.asking import FORM_DATA, Asked, parts, questions_of
from bide.cli.typescript import INDENT, Declarations, key
from bide.hitl import Decision
from bide.job_type import JobType


def write_types(app: Bide[Any], command: str) -> str:
    """A module that tells `@bide/client` what each job type takes, returns and asks. Raises UnencodableType."""
    declarations = Declarations()
    types = [_job_type(job_type, declarations) for job_type in app.registry.all()]
    named = "".join(f"{text}\n\n" for text in declarations.lines())
    members = "\n".join(types)
    return (
        f"// Written by `{command}`. Do not edit.\n\n"
        f'import "@bide/client";\n\n{named}'
        f'declare module "@bide/client" {{\n{INDENT}interface JobTypes {{\n{members}\n{INDENT}}}\n}}\n'
    )


def _job_type(job_type: JobType[..., Any], declarations: Declarations) -> str:
    outer, inner = INDENT * 2, INDENT * 3
    lines = [
        f"{inner}input: {declarations.type_of(job_type.input_schema(), inner)};",
        f"{inner}output: {declarations.type_of(job_type.result_schema(), inner, written=True)};",
    ]
    asked = questions_of(job_type.definition.fn)
    if asked is not None:
        lines.append(f"{inner}prompts: {_prompts(asked, declarations)};")
    return f"{outer}{key(job_type.name)}: {{\n" + "\n".join(lines) + f"\n{outer}}};"


def _prompts(asked: Sequence[Asked], declarations: Declarations) -> str:
    if not asked:
        return "Record<string, never>"
    deeper = INDENT * 4
    lines: dict[str, list[str]] = {}
    for question in asked:
        inner = deeper + INDENT
        fields = [f"{inner}kind: {json.dumps(question.kind)};"] if question.kind is not None else []
        fields.append(f"{inner}data: {_data(question.data, declarations, inner)};")
        fields.append(f"{inner}answer: {_answer(question.answer, declarations, inner)};")
        lines.setdefault(_name(question.key), []).append("{\n" + "\n".join(fields) + f"\n{deeper}}}")
    members = [f"{deeper}{name}: {' | '.join(dict.fromkeys(kinds))};" for name, kinds in lines.items()]
    return "{\n" + "\n".join(members) + f"\n{INDENT * 3}}}"


def _name(asked: tuple[str | None, ...]) -> str:
    if asked == (None,):
        return "[key: string]"
    text = "".join(parts(asked))
    return f"[key: `{text}`]" if None in asked else key("".join(filter(None, asked)))


def _data(annotation: Any, declarations: Declarations, indent: str) -> str:
    schema = _schema(annotation, "serialization")
    # What a form shows differs from one to the next: it has no name.
    unnamed = {name: part for name, part in schema.items() if name != "title" or part != FORM_DATA}
    return declarations.type_of(unnamed, indent, written=True)


def _answer(annotation: Any, declarations: Declarations, indent: str) -> str:
    # Over the wire a decision names its action: an empty object must not approve.
    return declarations.type_of(_schema(annotation, "validation"), indent, written=annotation == Decision)


def _schema(annotation: Any, mode: JsonSchemaMode) -> dict[str, Any]:
    if annotation is None:
        return {"type": "object"}
    try:
        return TypeAdapter(annotation).json_schema(mode=mode)
    except (PydanticSchemaGenerationError, PydanticUserError):
        return {"type": "object"}
