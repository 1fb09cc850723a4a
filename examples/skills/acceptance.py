"""What a skill must pass before it is accepted: checks that are agreed before it is written, and made by a program.

Red: the checks, of which all fail while there is no document. Green: the least of a document that passes them.
Refactor: what could be better in it although it passes.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from pydantic import BaseModel

from examples.skills.brief import Brief, keywords
from examples.skills.checking import GENERAL_SKILL, MARKDOWN, PACKAGE_SKILL, code_blocks
from examples.skills.document import count
from examples.skills.front_matter import split_front_matter

CLAUSES = 5
WORDS = 3
LONG_LINE = 400

RATIONALIZATIONS = (
    "It is too simple to need a check.",
    "The checks can be written once the text is there.",
    "I have read it through, so it must be right.",
)
"""What is said to leave the checks out."""


class Criterion(BaseModel):
    """One check. `text` tells people; the rest tells what to look for in the document."""

    text: str
    heading: str = ""
    mentions: list[str] = []
    code: bool = False


def criteria_for(brief: Brief, goals: Sequence[str], wishes: Sequence[str]) -> list[Criterion]:
    """The checks that follow from the task, from the goals and from what people ask for besides."""
    shape = PACKAGE_SKILL if brief.package else GENERAL_SKILL
    found = [Criterion(text=f"It has a section {heading!r}.", heading=heading) for heading in shape.headings]
    if shape.code:
        found.append(Criterion(text="It has an example in Python that runs.", code=True))
    else:
        found += [_mention(f"It deals with: {clause}.", clause) for clause in brief.clauses[:CLAUSES]]
    found += [_mention(f"It serves the goal: {goal.rstrip('.')}.", goal) for goal in goals]
    found += [_mention(wish, wish) for wish in wishes]
    return found


def _mention(text: str, words: str) -> Criterion:
    return Criterion(text=" ".join(text.split()), mentions=keywords(words)[:WORDS])


def failing(criteria: Sequence[Criterion], content: str) -> list[Criterion]:
    """Those that the document does not pass. All of them, where there is no document yet."""
    _, body = split_front_matter(content)
    tokens = MARKDOWN.parse(body)
    headings = {title.content for opening, title in pairwise(tokens) if opening.type == "heading_open"}
    words = body.casefold()
    blocks = code_blocks(content)
    return [
        criterion
        for criterion in criteria
        if (criterion.heading and criterion.heading not in headings)
        or (criterion.code and not blocks)
        or any(word.casefold() not in words for word in criterion.mentions)
        or not body.strip()
    ]


def coverage(criteria: Sequence[Criterion], content: str) -> str:
    """As in "5 of 6 checks pass; not: …"."""
    left = failing(criteria, content)
    passed = f"{len(criteria) - len(left)} of {count(criteria, 'check')} pass"
    return f"{passed}; not: {' '.join(criterion.text for criterion in left)}" if left else f"{passed}."


def opportunities(criteria: Sequence[Criterion], content: str) -> list[str]:
    """What could be improved, by rule."""
    found = [f"Make this check pass: {criterion.text}" for criterion in failing(criteria, content)]
    _, body = split_front_matter(content)
    if "## Common mistakes" not in body and "## Pitfalls" not in body:
        found.append("Say which mistakes are common.")
    if not code_blocks(content):
        found.append("Show an example.")
    return found


def smells(content: str) -> list[str]:
    """What is seldom good in a document."""
    _, body = split_front_matter(content)
    lines = [line.strip() for line in body.splitlines()]
    found = [f"Line {n} is {len(line)} characters long." for n, line in enumerate(lines, 1) if _is_long(line)]
    twice = Counter(line for line in lines if len(line) > 20 and not line.startswith(("|", "```")))
    found += [f"Said {times} times: {line[:60]}" for line, times in twice.items() if times > 1]
    found += [f"Unfinished: {line[:60]}" for line in lines if re.search(r"\b(TODO|TBD|FIXME)\b", line)]
    return found


def _is_long(line: str) -> bool:
    return len(line) > LONG_LINE and not line.startswith("|")
