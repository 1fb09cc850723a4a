"""What a person's feedback asks for, in the few words the rule-based author understands.

    shorter · longer · more examples · fewer examples · exclude X · only X · cover X · mention anything

`X` is a topic or a public name. What is not understood is kept word for word and printed in the document: feedback is
either followed or seen not to have been, never swallowed.
"""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from examples.skills.document import Outline, Section
from examples.skills.surface import PackageSurface

Verb = Literal["exclude", "only", "include"]

PHRASES: dict[str, str] = {
    "shorter": r"\b(shorter|shorten|brief(er)?|(more )?concise|condense|trim|too long)\b",
    "longer": r"\b(longer|more details?|expand|too short|in more depth)\b",
    "more examples": r"\b(more|another|additional|extra|add( an?| some)?) examples?\b",
    "fewer examples": r"\b(fewer|less|too many) examples\b",
}
VERBS: dict[Verb, str] = {
    "exclude": r"(?:exclude|without|drop|omit|remove|skip|leave out|no)",
    "only": r"(?:only|just|focus on)",
    "include": r"(?:also\s+)?(?:include|cover|mention|add)",
}
FILLERS = re.compile(r"\b(please|the|topics?|section|names?|stuff|parts?|it|make|and|or)\b")


class Guidance(BaseModel):
    """Feedback, as far as it was understood."""

    length: int = 0  # below zero: shorter, above: longer
    examples: int = 0  # likewise, for how many
    only: list[str] = []
    excluded: list[str] = []
    included: list[str] = []
    mentions: list[str] = []  # to be said in the document, in the person's words
    notes: list[str] = []  # not understood
    followed: list[str] = []  # what was done about it, a phrase each


def understand(feedback: Sequence[str], surface: PackageSurface) -> Guidance:
    """All feedback so far, the oldest first; later words add to earlier ones."""
    guidance = Guidance()
    for text in feedback:
        verb: Verb | None = None
        for clause in _clauses(text):
            verb = _follow(guidance, clause, verb, surface)
    return guidance


def _clauses(text: str) -> list[str]:
    verbs = "|".join(VERBS.values())
    parts = re.split(rf"[.;\n,](?=\s|$)|\b(?:and|but)\b(?=\s+(?:{verbs}|more|fewer|shorter|longer)\b)", text)
    return [part.strip() for part in parts if part and part.strip()]


def _follow(guidance: Guidance, clause: str, verb_before: Verb | None, surface: PackageSurface) -> Verb | None:
    """Adds what one clause asks for. Returns its verb: in "exclude async, errors" it holds for the next clause too."""
    lowered = clause.lower()
    phrases = [phrase for phrase, pattern in PHRASES.items() if re.search(pattern, lowered)]
    if phrases:
        for phrase in phrases:
            sign = 1 if phrase in ("longer", "more examples") else -1
            if "examples" in phrase:
                guidance.examples += sign
            else:
                guidance.length += sign
        guidance.followed += phrases
        return None
    for verb, pattern in VERBS.items():
        match = re.match(rf"(?:please\s+)?(?:{pattern})\b\s*(.+)", clause, re.IGNORECASE | re.DOTALL)
        if match is None:
            continue
        names = _resolve(match[1], surface)
        if names is not None:
            _apply(guidance, verb, match[1], names)
            return verb
        if verb == "include":
            guidance.mentions.append(match[1])
            guidance.followed.append(f"mentioned: {match[1]}")
            return None
    names = _resolve(clause, surface) if verb_before else None
    if verb_before and names is not None:
        _apply(guidance, verb_before, clause, names)
        return verb_before
    guidance.notes.append(clause)
    return None


def _apply(guidance: Guidance, verb: Verb, words: str, names: list[str]) -> None:
    # The last word counts: what is included now is no longer excluded, and the other way round.
    if verb == "exclude":
        guidance.excluded += names
        guidance.included = [name for name in guidance.included if name not in names]
    else:
        guidance.excluded = [name for name in guidance.excluded if name not in names]
        (guidance.only if verb == "only" else guidance.included).extend(names)
    guidance.followed.append({"exclude": "left out", "only": "only", "include": "covered"}[verb] + f": {words}")


def _resolve(words: str, surface: PackageSurface) -> list[str] | None:
    """The public names that all of `words` stand for, by topic or by name; None if any word stands for none."""
    by_topic = {topic.id.lower(): topic.names for topic in surface.topics}
    by_name = {public.name.lower(): [public.name] for public in surface.names}
    names: list[str] = []
    tokens = FILLERS.sub(" ", words.lower().replace(f"{surface.package.lower()}.", "")).replace(",", " ").split()
    for token in (token.strip("`'\"()!?") for token in tokens):
        found = by_topic.get(token) or by_topic.get(f"{token}s") or by_name.get(token)
        if found is None:
            return None
        names += found
    return names or None


def narrow(outline: Outline, guidance: Guidance) -> Outline:
    """The outline was confirmed before the draft was seen: what was said about the draft still has to count."""
    planned = outline.names()
    excluded = set(guidance.excluded)
    kept = set(guidance.only or planned) - excluded
    sections = [
        section.model_copy(update={"names": names})
        for section in outline.sections
        if (names := [name for name in section.names if name in kept])
    ]
    added = [name for name in (*guidance.only, *guidance.included) if name not in planned and name not in excluded]
    if added:
        sections.append(Section(heading="Also covered", purpose="Added in review.", names=list(dict.fromkeys(added))))
    return outline.model_copy(update={"sections": sections})
