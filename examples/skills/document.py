"""The outline, the text, and the SKILL.md made of them.

An author supplies the words (`SkillText`). Names, kinds and signatures in the document come from the package itself,
whoever the author is: a table that a model wrote from memory would be wrong sooner or later.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from examples.skills.surface import PackageSurface, PublicName
from examples.skills.taxonomy import skill_name

DESCRIPTION_LIMIT = 1024  # of the skill format
PLURALS = {"class": "classes"}

Detail = Literal["brief", "normal", "full"]
ROWS: dict[Detail, int] = {"brief": 16, "normal": 40, "full": 80}  # in all tables together


class Section(BaseModel):
    """A part of the API that the skill covers."""

    heading: str
    purpose: str
    names: list[str] = Field(description="Public names of the package, exactly as given.")


class Outline(BaseModel):
    """The plan of a skill, for a person to confirm."""

    title: str
    summary: str
    sections: list[Section]
    assumptions: list[str] = []
    confidence: float = Field(ge=0, le=1)

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for section in self.sections for name in section.names))


class Example(BaseModel):
    """Code that runs by itself, without network, and says in comments what it prints."""

    title: str
    code: str


class SkillText(BaseModel):
    """What an author writes."""

    description: str = Field(description="What the skill is for and when to use it, in one or two sentences.")
    overview: str
    when_to_use: list[str]
    examples: list[Example]
    pitfalls: list[str] = []


class Draft(BaseModel):
    """A whole document, and what the author has to say about it."""

    content: str
    highlights: list[str]
    concerns: list[str] = []


def render_skill(
    surface: PackageSurface,
    outline: Outline,
    text: SkillText,
    *,
    written_by: str,
    mentions: Sequence[str] = (),
    notes: Sequence[str] = (),
    detail: Detail = "normal",
) -> str:
    """The document. `mentions` were asked for in so many words; `notes` were asked for and not understood."""
    parts = [_front_matter(surface, text), f"# {outline.title}", text.overview]
    if surface.distribution:
        parts.append(f"Install: `pip install {surface.distribution}`. Read from version {surface.version}.")
    else:
        parts.append(f"Part of the installation, nothing to add. Read from version {surface.version}.")
    parts += ["## When to use", bullets(text.when_to_use)]
    parts += ["## API", *_tables(surface, outline, detail)]
    if text.examples:
        parts += ["## Examples"]
        for example in text.examples:
            parts += [f"### {example.title}", f"```python\n{example.code.strip()}\n```"]
    if text.pitfalls:
        parts += ["## Pitfalls", bullets(text.pitfalls)]
    if mentions:
        parts += ["## Guidance", bullets(mentions)]
    if notes:
        parts += ["## Reviewer notes", "Asked for in review and not worked in by the author:", bullets(notes)]
    parts += ["## About this document", written_by]
    return "\n\n".join(parts) + "\n"


def front_matter(name: str, description: str, *, license: str = "", metadata: Mapping[str, str]) -> str:
    """YAML in which every value is a JSON string, which YAML reads as it is: no value can break out."""
    lines = [f"name: {_quoted(name)}", f"description: {_quoted(_description(description))}"]
    if license:
        lines.append(f"license: {_quoted(license)}")
    lines += ["metadata:", *(f"  {key}: {_quoted(value)}" for key, value in metadata.items())]
    return "\n".join(["---", *lines, "---"])


def _front_matter(surface: PackageSurface, text: SkillText) -> str:
    about = {"package": surface.package, "version": surface.version}
    return front_matter(skill_name(surface.package), text.description, license=surface.license, metadata=about)


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()), ensure_ascii=False)


def _description(text: str) -> str:
    """Without angle brackets, which the skill format forbids, since a description is put into prompts."""
    text = " ".join(text.replace("<", "").replace(">", "").split())
    return text if len(text) <= DESCRIPTION_LIMIT else text[: DESCRIPTION_LIMIT - 1] + "…"


def bullets(lines: Sequence[str]) -> str:
    """A list in Markdown, each entry on one line."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def count(things: Sequence[object], noun: str) -> str:
    """As in "1 topic"."""
    return f"{len(things)} {noun if len(things) == 1 else f'{noun}s'}"


def count_kinds(names: Sequence[PublicName]) -> str:
    """As in "4 classes, 1 function"."""
    counts = Counter(public.kind for public in names)
    return ", ".join(
        f"{count} {kind if count == 1 else PLURALS.get(kind, f'{kind}s')}" for kind, count in counts.most_common()
    )


def _tables(surface: PackageSurface, outline: Outline, detail: Detail) -> list[str]:
    """A table for each section; each has its share of the rows, and names what had no room."""
    parts: list[str] = []
    share = max(3, ROWS[detail] // max(1, len(outline.sections)))
    for section in outline.sections:
        names = surface.select(section.names)
        head = ["| name | kind | signature | purpose |", "|---|---|---|---|"]
        rows = [_row(public) for public in names[:share]]
        parts += [f"### {section.heading}", section.purpose, "\n".join([*head, *rows])]
        if detail != "brief":
            methods = [_methods(public, detail) for public in names[:share] if public.methods]
            parts += ["\n".join(methods)] if methods else []
        if names[share:]:
            parts.append("Also here: " + ", ".join(f"`{public.name}`" for public in names[share:]) + ".")
    return parts


def _methods(public: PublicName, detail: Detail) -> str:
    if detail == "full":
        lines = [f"  - `{method.name}`: {method.summary or '(no docstring)'}" for method in public.methods]
        return "\n".join([f"- Methods of `{public.name}`:", *lines])
    return f"- Methods of `{public.name}`: " + ", ".join(f"`{method.name}`" for method in public.methods) + "."


def _row(public: PublicName) -> str:
    purpose = public.summary
    if not purpose and public.bases:
        purpose = f"A kind of `{public.bases[0]}`."
    signature = f"`{public.signature}`" if public.signature else ""
    cells = [f"`{public.name}`", public.kind, signature, purpose]
    # A bar would end the cell, inside code too.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
