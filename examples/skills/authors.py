"""Who writes the skill: the seam, and the rule-based author.

Both authors work from the same material, a `PackageSurface`. The rule-based one needs no key and no network, and says
in the document that it wrote it.
"""

from collections.abc import Sequence
from typing import Protocol

from examples.skills.document import Draft, Example, Outline, Section, SkillText, count, count_kinds, render_skill
from examples.skills.guidance import Guidance, narrow, understand
from examples.skills.snippets import compose_examples
from examples.skills.surface import PackageSurface

EXAMPLES = 5
UNTOLD = ("More", "Constants")  # headings that say nothing about a task


class Author(Protocol):
    """Plans and writes a skill. `feedback` is all that people said so far, the oldest first."""

    @property
    def name(self) -> str: ...

    async def outline(self, surface: PackageSurface, topics: Sequence[str], feedback: Sequence[str]) -> Outline: ...

    async def write(self, surface: PackageSurface, outline: Outline, feedback: Sequence[str]) -> Draft: ...


def written_by(author: Author, surface: PackageSurface) -> str:
    """The sentence about its author that each document ends with."""
    source = f"the public API of `{surface.package}` {surface.version} as installed"
    return f"Written by {author.name} from {source}. The examples were run offline."


class RuleAuthor:
    """Writes by rules, from introspection alone."""

    name = "the rule-based author (no language model)"

    async def outline(self, surface: PackageSurface, topics: Sequence[str], feedback: Sequence[str]) -> Outline:
        guidance = understand(feedback, surface)
        names = _covered(surface, topics, guidance)
        sections = [
            Section(heading=_heading(topic.id), purpose=f"{count_kinds(surface.select(kept))}.", names=kept)
            for topic in surface.topics
            if (kept := [name for name in topic.names if name in names])
        ]
        covered = surface.select(list(names))
        explained = sum(1 for public in covered if public.summary or public.bases or public.signature)
        return Outline(
            title=surface.package,
            summary=f"A skill for {surface.package} {surface.version}: {len(covered)} of {len(surface.names)} public "
            f"names in {count(sections, 'section')} ({', '.join(section.heading for section in sections)}).",
            sections=sections,
            assumptions=_assumptions(surface, guidance),
            confidence=round(explained / max(1, len(covered)), 2),
        )

    async def write(self, surface: PackageSurface, outline: Outline, feedback: Sequence[str]) -> Draft:
        guidance = understand(feedback, surface)
        outline = narrow(outline, guidance)
        names = outline.names()
        snippets = await compose_examples(surface, names, _how_many(guidance))
        text = SkillText(
            description=_description(surface, outline),
            overview=surface.summary or f"The Python package {surface.package}.",
            when_to_use=_when_to_use(surface, outline),
            examples=[Example(title=snippet.title, code=snippet.code) for snippet in snippets],
            pitfalls=[] if guidance.length < 0 else _pitfalls(surface, names),
        )
        content = render_skill(
            surface,
            outline,
            text,
            written_by=written_by(self, surface),
            mentions=guidance.mentions,
            notes=guidance.notes,
            detail="brief" if guidance.length < 0 else "full" if guidance.length > 0 else "normal",
        )
        highlights = [f"{len(names)} public names of {surface.package} {surface.version}"]
        highlights += [f"{len(snippets)} examples, each seen to run offline", f"written by {self.name}"]
        highlights += [f"followed: {what}" for what in guidance.followed]
        return Draft(
            content=content, highlights=highlights, concerns=_concerns(surface, names, guidance, len(snippets))
        )


def _covered(surface: PackageSurface, topics: Sequence[str], guidance: Guidance) -> set[str]:
    chosen = {name for topic in surface.topics if topic.id in topics for name in topic.names}
    return ((set(guidance.only) or chosen) | set(guidance.included)) - set(guidance.excluded)


def _how_many(guidance: Guidance) -> int:
    """Examples; a wish about examples outweighs one about the length."""
    if guidance.examples > 0:
        return 2 * EXAMPLES
    return 2 if guidance.examples < 0 or guidance.length < 0 else EXAMPLES


def _heading(topic: str) -> str:
    return topic.replace("_", " ").capitalize()


def _assumptions(surface: PackageSurface, guidance: Guidance) -> list[str]:
    assumptions = [f"The reader uses {surface.package} {surface.version}."]
    if surface.unreadable:
        assumptions.append(f"Left out, because they cannot be imported here: {', '.join(surface.unreadable[:8])}.")
    assumptions += [f"From your feedback: {what}." for what in guidance.followed]
    assumptions += [f"Not understood, kept as a note in the document: {note}" for note in guidance.notes]
    return assumptions


def _description(surface: PackageSurface, outline: Outline) -> str:
    about = surface.summary.rstrip(".") or f"The Python package {surface.package}"
    sections = ", ".join(section.heading.lower() for section in outline.sections[:6])
    return f"{about}. Use when Python code imports {surface.package} or should. Covers {sections}."


def _when_to_use(surface: PackageSurface, outline: Outline) -> list[str]:
    lines = [f"Code imports `{surface.package}`, or a task asks for what it does."]
    for section in outline.sections:
        if section.heading in UNTOLD:
            continue
        names = ", ".join(f"`{public.name}`" for public in surface.select(section.names)[:3])
        lines.append(f"The task is about {section.heading.lower()}: {names}.")
    return lines


def _pitfalls(surface: PackageSurface, names: Sequence[str]) -> list[str]:
    covered = surface.select(list(names))
    asynchronous = [public.name for public in covered if public.enters == "async with"]
    closing = [public.name for public in covered if public.enters == "with"]
    roots = [public.name for public in covered if public.kind == "exception" and not public.bases]
    lines: list[str] = []
    if asynchronous:
        lines.append(f"To be opened with `async with`, inside a coroutine: {_listed(asynchronous)}.")
    if closing:
        lines.append(f"To be opened with `with`, which closes it again: {_listed(closing)}.")
    if roots:
        lines.append(f"Errors to expect: {_listed(roots)}, and what derives from them.")
    return lines


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


def _concerns(surface: PackageSurface, names: Sequence[str], guidance: Guidance, examples: int) -> list[str]:
    silent = [public.name for public in surface.select(list(names)) if not public.summary and not public.bases]
    concerns = [f"not understood, added as a note: {note}" for note in guidance.notes]
    if silent:
        shown = ", ".join([*silent[:4], *(["…"] if len(silent) > 4 else [])])
        concerns.append(f"{count(silent, 'name')} without a docstring: {shown}")
    if not examples:
        concerns.append("no example could be found that runs without network or files")
    return concerns
