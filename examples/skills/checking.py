"""Is the skill valid: its front matter by the rules of the skill format, its code blocks by running them."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markdown_it import MarkdownIt
from pydantic import BaseModel, ValidationError

from examples.skills.front_matter import FrontMatter, FrontMatterError, read_fields, split_front_matter
from examples.skills.isolation import run_code

BLOCK_SECONDS = 20
PYTHON = re.compile(r"\s*py(thon3?)?\b", re.IGNORECASE)  # a fence's language; a title may follow it
MARKDOWN = MarkdownIt("commonmark")  # rich brings it; a regular expression misses most ways to write a block


@dataclass(frozen=True)
class Shape:
    """What a reader relies on to find: sections, of which some must be there, and code to run."""

    headings: tuple[str, ...]
    required: tuple[str, ...]
    code: bool


PACKAGE_SKILL = Shape(("When to use", "API", "Examples"), required=("API",), code=True)
GENERAL_SKILL = Shape(("When to use", "Instructions", "Checklist"), required=("Instructions",), code=False)


class Issue(BaseModel):
    """Something that is wrong (`error`) or could be better (`warning`)."""

    severity: Literal["error", "warning"]
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class CodeBlock(BaseModel):
    """A block of Python in a Markdown document."""

    line: int
    code: str


class CheckReport(BaseModel):
    """The outcome of a check. `score` runs from 0 to 1: each check that passes counts the same."""

    passed: bool
    score: float
    checks: int
    blocks: int
    issues: list[Issue]

    def as_markdown(self) -> str:
        verdict = "passed" if self.passed else "failed"
        good = round(self.score * self.checks)
        lines = [f"Validation {verdict}: {good} of {self.checks} checks, {self.blocks} code blocks run."]
        return "\n".join([*lines, *(f"- {issue.severity}: {issue}" for issue in self.issues)])


async def check_skill(text: str, *, folder: str | None = None, shape: Shape = PACKAGE_SKILL) -> CheckReport:
    """Checks everything. `folder` is the name of the folder it will stand in, which the format wants to be its name."""
    blocks = code_blocks(text)
    issues = check_front_matter(text, folder=folder) + check_body(text, shape)
    issues += [issue for block in blocks if (issue := await run_block(block)) is not None]
    checks = 1 + len(shape.headings) + max(int(shape.code), len(blocks))
    failed = len({issue.where for issue in issues})
    return CheckReport(
        passed=not any(issue.severity == "error" for issue in issues),
        score=round(max(0, checks - failed) / checks, 2),
        checks=checks,
        blocks=len(blocks),
        issues=issues,
    )


def check_front_matter(text: str, *, folder: str | None = None) -> list[Issue]:
    """Every fault of the front matter, each with the field it is in."""
    raw, _ = split_front_matter(text)
    if raw is None:
        return [_front_matter_fault("the document does not begin with a `---` block")]
    try:
        front = FrontMatter.model_validate(read_fields(raw))
    except FrontMatterError as error:
        return [_front_matter_fault(str(error))]
    except ValidationError as error:
        return [_front_matter_fault(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") for fault in error.errors()]
    if folder is not None and front.name != folder:
        return [_front_matter_fault(f"name: {front.name!r} is not the name of its folder, {folder!r}")]
    return []


def _front_matter_fault(message: str) -> Issue:
    return Issue(severity="error", where="front matter", message=message)


def check_body(text: str, shape: Shape = PACKAGE_SKILL) -> list[Issue]:
    """The sections a reader relies on, and at least one example where there should be code."""
    _, body = split_front_matter(text)
    found = {
        title.content
        for opening, title in pairwise(MARKDOWN.parse(body))
        if opening.type == "heading_open" and opening.tag == "h2"
    }
    issues = [
        Issue(
            severity="error" if heading in shape.required else "warning",
            where=f"section {heading!r}",
            message="is missing",
        )
        for heading in shape.headings
        if heading not in found
    ]
    if shape.code and not code_blocks(text):
        issues.append(Issue(severity="warning", where="examples", message="there is no python code block to run"))
    return issues


def code_blocks(text: str) -> list[CodeBlock]:
    """The fenced blocks marked as Python, with the line each begins at."""
    _, body = split_front_matter(text)
    before = text.removesuffix(body).count("\n")
    return [
        CodeBlock(line=before + token.map[0] + 1, code=token.content)
        for token in MARKDOWN.parse(body)
        if token.type == "fence" and token.map and PYTHON.match(token.info)
    ]


async def run_block(block: CodeBlock, *, timeout: float = BLOCK_SECONDS) -> Issue | None:
    """Runs a block in a process of its own. None if it ended well."""
    result = await run_code(block.code, timeout=timeout)
    if result.ok:
        return None
    return Issue(severity="error", where=f"code block at line {block.line}", message=result.complaint)
