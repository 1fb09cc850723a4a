"""`bide types`: what a page is told of the job types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from typer.testing import CliRunner

from bide import Bide, Clarify, Confirm, Form, JobContext, Preview
from bide.cli.asking import questions_of
from bide.cli.commands import cli
from bide.cli.types import write_types
from bide.cli.typescript import Declarations
from bide.hitl import Prompt


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Tag(BaseModel):
    name: str


class Post(BaseModel):
    """What is written."""

    title: str
    body: str = Field(description="In Markdown. */ ends nothing.")
    tags: list[Tag] = []


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Card(BaseModel):
    kind: Literal["card"]
    number: str


class Cash(BaseModel):
    kind: Literal["cash"]


Payment = Annotated[Card | Cash, Field(discriminator="kind")]

bide = Bide("sqlite:///never-opened.db")


async def review(post: Post, ctx: JobContext) -> None:
    await ctx.ask("address", Form(Post))


@bide.job
async def write_post(ctx: JobContext, topic: str, tree: Tree, times: int = 3) -> Post:
    post = Post(title=topic, body="")
    for n in range(times):
        await ctx.ask(f"publish-{n}", Confirm(summary=post.body), timeout="7d")
    await ctx.ask("what", Clarify("How long?"))
    await review(post, ctx)
    await ctx.wait_for("paid", Card)
    return post


@bide.job
def quiet(ctx: JobContext) -> None: ...


@bide.job
def in_a_thread(ctx: JobContext) -> str:
    ctx.run(ctx.ask("look", Preview(content="…")))
    return ""


EXPECTED = """\
// Written by `bide types shop:bide`. Do not edit.

import "@bide/client";

/** The answers to a `Clarify`: question n is `answers["q<n>"]`, a text or, where several are allowed, a list. */
export interface AnswersInput {
  answers: Record<string, string | string[]>;
  summary?: string;
}
"""


def test_what_a_page_is_told() -> None:
    written = write_types(bide, "bide types shop:bide")
    assert written.startswith(EXPECTED)
    for expected in (
        'export interface Card {\n  kind: "card";\n  number: string;\n}',
        # What Bide writes has every field; what is sent may leave out those with a default.
        "export interface Post {\n  title: string;\n  /** In Markdown. *\u200b/ ends nothing. */\n  body: string;\n"
        "  tags: Tag[];\n}",
        "export interface PostInput {",
        "  tags?: Tag[];",
        "export interface TreeInput {\n  name: string;\n  children?: TreeInput[];\n}",
        "      input: {\n        topic: string;\n        tree: TreeInput;\n        times?: number;\n      };\n"
        "      output: Post;\n",
        # Over the wire an empty object approves nothing.
        'export interface Proceed {\n  action: "proceed";\n}',
        '        [key: `publish-${string}`]: {\n          kind: "confirm";\n          data: ConfirmData;\n'
        "          answer: Proceed | Revise;\n        };",
        '        paid: {\n          kind: "callback";\n          data: Record<string, unknown>;\n'
        "          answer: Card;\n        };",
        '        address: {\n          kind: "form";\n          data: {\n            title: string;\n'
        "            initial: Post | null;\n          };\n          answer: PostInput;\n        };",
        "    quiet: {\n      input: Record<string, never>;\n      output: null;\n"
        "      prompts: Record<string, never>;\n    };",
        '        look: {\n          kind: "preview";',
    ):
        assert expected in written


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, "string"),
        (int | None, "number | null"),
        (list[int | str], "(number | string)[]"),
        (tuple[int, str], "[number, string]"),
        (tuple[int, ...], "number[]"),
        (dict[str, bool], "Record<string, boolean>"),
        (Literal["a", 1, None], '"a" | 1 | null'),
        (Colour, '"red" | "blue"'),
        (date | datetime | UUID, "string"),
        (Decimal, "number | string"),
        (Any, "unknown"),
        (Payment, "Card | Cash"),
        (set[Colour], "Colour[]"),
        (list[list[Tag]], "Tag[][]"),
    ],
    ids=str,
)
def test_each_kind_of_type(annotation: Any, expected: str) -> None:
    assert Declarations().type_of(TypeAdapter(annotation).json_schema()) == expected


def test_two_models_of_one_name_are_two_types() -> None:
    def other() -> type[BaseModel]:
        class Tag(BaseModel):
            label: str

        return Tag

    declarations = Declarations()
    assert declarations.type_of(TypeAdapter(Tag).json_schema()) == "Tag"
    assert declarations.type_of(TypeAdapter(other()).json_schema()) == "Tag2"
    assert declarations.type_of(TypeAdapter(Tag).json_schema()) == "Tag"
    assert list(declarations.lines()) == [
        "export interface Tag {\n  name: string;\n}",
        "export interface Tag2 {\n  label: string;\n}",
    ]


def test_a_name_that_is_none_in_typescript_is_quoted_or_changed() -> None:
    declarations = Declarations()
    schema = {"$defs": {"a.b[int]": {"type": "string"}}, "$ref": "#/$defs/a.b[int]"}
    assert declarations.type_of(schema) == "a_b_int"
    odd = {"type": "object", "properties": {"a-b": {"const": 'say "x"'}}, "required": ["a-b"]}
    assert '"a-b": "say \\"x\\"";' in declarations.type_of(odd)


# ── What cannot be seen ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Poll(Prompt[Tag]):
    kind: ClassVar[str] = "poll"
    choices: Sequence[str] = ()

    def data(self) -> dict[str, Any]:
        return {"of": list(self.choices)}


async def asks_its_own(ctx: JobContext, key: str, prompt: Confirm) -> None:
    await ctx.ask("poll", Poll())
    await ctx.ask(key, prompt)


async def asks_by_another_name(ctx: JobContext) -> None:
    same = ctx
    await same.ask("x", Confirm(summary=""))


async def hands_it_on(ctx: JobContext) -> None:
    handlers = {"a": review}
    await handlers["a"](Post(title="", body=""), ctx)


async def asks_itself(ctx: JobContext, n: int) -> None:
    await ctx.ask(n, Confirm(summary=""))
    await asks_itself(ctx, n - 1)


def test_what_the_code_does_not_show_is_not_made_up() -> None:
    own, given = questions_of(asks_its_own) or []
    assert (own.key, own.kind, own.data, own.answer) == (("poll",), "poll", None, Tag)
    assert (given.key, given.kind, given.answer) == ((None,), None, None)
    assert questions_of(asks_by_another_name) is None
    assert questions_of(hands_it_on) is None
    assert questions_of(eval("lambda ctx: None")) is None
    (again,) = questions_of(asks_itself) or []
    assert again.kind == "confirm"


# ── The command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_writes_a_file_and_tells_when_it_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_shop.py").write_text(
        "from bide import Bide, JobContext\nbide = Bide('sqlite:///x.db')\n\n\n"
        "@bide.job\nasync def greet(ctx: JobContext, name: str) -> str:\n    return name\n"
    )
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    printed = run(cli, ["types", "their_shop:bide"])
    assert printed.exit_code == 0
    assert "greet: {" in printed.stdout
    command = ["types", "their_shop:bide", "--out", "jobs.ts"]
    assert run(cli, [*command, "--check"]).exit_code != 0
    assert run(cli, command).exit_code == 0
    assert (tmp_path / "jobs.ts").read_text(encoding="utf-8") == printed.stdout
    assert run(cli, [*command, "--check"]).exit_code == 0
    (tmp_path / "jobs.ts").write_text("// old\n")
    assert run(cli, [*command, "--check"]).exit_code != 0
    assert (tmp_path / "jobs.ts").read_text() == "// old\n"
