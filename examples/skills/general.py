"""A skill that is about no package, written by rule from what people said: the task, their answers, their feedback.

It invents nothing. What it knows is put where a reader of skills looks for it: when to use it, what to do, what to
check at the end.
"""

import re
from collections.abc import Sequence

from pydantic import BaseModel

from bide import Option, Question
from examples.skills.acceptance import Criterion
from examples.skills.brief import Brief, keywords
from examples.skills.document import Draft, Outline, Section, bullets, count, front_matter

AUTHOR = "the rule-based author (no language model)"

SHORTER = re.compile(r"(?i)\b(shorter|shorten|brief(er)?|more concise|condense|too long)\b")
EXCLUDE = re.compile(r"(?i)^(?:please\s+)?(?:exclude|without|drop|omit|remove|leave out|no)\s+(?:the\s+)?(.+)$")
CLAUSES = re.compile(r"[.;\n](?=\s|$)")

READERS = {
    "agent": "a coding agent that reads the skill and acts by it",
    "person": "a person who follows it step by step",
    "both": "whoever is at it, agent or person",
}


class Interview(BaseModel):
    """What people said when they were asked, before anything was written."""

    reader: str = ""
    rules: list[str] = []
    problem: str = ""
    goals: list[str] = []
    remarks: list[str] = []


class _Wishes(BaseModel):
    """Feedback, as far as it was understood. What was not is added to the instructions, in the person's words."""

    shorter: bool = False
    without: list[str] = []
    added: list[str] = []


def questions(brief: Brief) -> list[Question]:
    """What is asked where nobody brings questions of their own."""
    options = [Option(id=reader, label=reader, description=text) for reader, text in READERS.items()]
    return [
        Question(
            text="Who follows this skill?",
            options=options,
            free_text=True,
            rationale="It decides how much is explained.",
        ),
        Question(
            text="What must always hold, whatever the case? One rule a line.",
            rationale="Rules go into the instructions as they are.",
        ),
    ]


def plan(brief: Brief, interview: Interview, feedback: Sequence[str]) -> Outline:
    """The plan of the skill."""
    wishes = _understand(feedback)
    steps = _instructions(brief, interview, wishes)
    sections = [
        Section(heading="When to use", purpose=count(brief.clauses, "occasion") + ".", names=[]),
        Section(heading="Instructions", purpose=count(steps, "step") + ".", names=[]),
        Section(heading="Checklist", purpose="What to check at the end.", names=[]),
    ]
    assumptions = [*brief.assumptions, "No package is read: the skill says what people said, in order."]
    assumptions += [f"From your feedback, as a step: {wish}" for wish in wishes.added]
    assumptions += [f"Left out: {words}" for words in wishes.without]
    known = [brief.clauses, interview.rules, interview.goals or interview.problem, interview.reader]
    return Outline(
        title=brief.title,
        summary=f"A skill for {brief.refined}: {count(steps, 'step')}, {count(sections, 'section')} "
        f"({', '.join(section.heading for section in sections)}).",
        sections=sections,
        assumptions=assumptions,
        confidence=round(0.4 + 0.15 * sum(1 for part in known if part), 2),
    )


def write(
    brief: Brief,
    interview: Interview,
    outline: Outline,
    criteria: Sequence[Criterion],
    feedback: Sequence[str],
    *,
    minimal: bool = False,
) -> Draft:
    """The document. minimal: no more than what the checks ask for."""
    wishes = _understand(feedback)
    short = minimal or wishes.shorter
    steps = _instructions(brief, interview, wishes)
    checks = [criterion.text for criterion in criteria] or [f"Done: {step}" for step in steps]
    mistakes = [f"Leaving out the step: {step}" for step in steps[:3]]
    description = f"{brief.title.rstrip('.')}. Use when a task asks for {brief.refined}."
    parts = [
        front_matter(brief.name, description, metadata={"category": brief.category}),
        f"# {_plain(outline.title)}",
        f"A skill for {_plain(brief.refined)}."
        + (f" It solves: {_plain(interview.problem)}" if interview.problem else ""),
        "## When to use",
        bullets([f"The task is about {_plain(clause)}." for clause in brief.clauses or [brief.refined]]),
    ]
    if interview.goals:
        parts += ["## Goals", bullets([_plain(goal) for goal in interview.goals])]
    parts += ["## Instructions"]
    if not short and interview.reader:
        parts.append(f"Written for {_plain(READERS.get(interview.reader, interview.reader))}.")
    parts += ["\n".join(f"{n}. {_plain(step)}" for n, step in enumerate(steps, 1))]
    parts += ["## Checklist", "\n".join(f"- [ ] {_plain(check)}" for check in _without(checks, wishes))]
    if not short and mistakes:
        parts += ["## Common mistakes", bullets([_plain(mistake) for mistake in mistakes])]
    parts += ["## About this document", f"Written by {AUTHOR} from a description of the task and the answers to it."]
    highlights = [count(steps, "step"), count(checks, "check"), f"written by {AUTHOR}"]
    highlights += [f"followed: {wish}" for wish in [*wishes.added, *(f"left out {words}" for words in wishes.without)]]
    concerns = [] if interview.rules else ["nobody said what must always hold"]
    return Draft(content="\n\n".join(parts) + "\n", highlights=highlights, concerns=concerns)


def _instructions(brief: Brief, interview: Interview, wishes: _Wishes) -> list[str]:
    steps = [_step(text) for text in [*brief.clauses, *interview.rules, *interview.remarks, *wishes.added]]
    return _without(list(dict.fromkeys(filter(None, steps))), wishes) or [_step(brief.refined)]


def _step(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _without(lines: Sequence[str], wishes: _Wishes) -> list[str]:
    unwanted = [set(keywords(words)) for words in wishes.without]
    return [line for line in lines if not any(words <= set(keywords(line)) for words in unwanted if words)]


def _understand(feedback: Sequence[str]) -> _Wishes:
    wishes = _Wishes()
    for clause in (part.strip() for text in feedback for part in CLAUSES.split(text)):
        if not clause:
            continue
        if SHORTER.search(clause):
            wishes.shorter = True
        elif match := EXCLUDE.match(clause):
            wishes.without.append(match[1].rstrip("."))
        else:
            wishes.added.append(clause)
    return wishes


def _plain(text: str) -> str:
    """On one line, and without what would open a heading, a list or a block of code."""
    return re.sub(r"^[#>*+\-\s]+", "", " ".join(text.split()).replace("```", "'''")) or "…"
