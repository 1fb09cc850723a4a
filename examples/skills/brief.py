"""What a task description asks for: the skill's name, the package it is about, what is to be done, and in which way.

Rules, no model: the same description always gives the same brief, and a person confirms what was made of it.
"""

import importlib.metadata
import importlib.util
import re
import sys
import zlib
from collections.abc import Mapping
from functools import cached_property

from pydantic import BaseModel

from examples.skills.taxonomy import skill_name

NAME_WORDS = 6
TITLE_LIMIT = 90

LEAD = re.compile(
    r"""(?ix) ^ \s*
    (?:please\s+|i\s+(?:want|need|would\s+like)(?:\s+you)?\s+(?:to\s+)?|can\s+you\s+|help\s+me\s+(?:to\s+)?)*
    (?:(?:create|write|make|build|author|generate|develop|draft)\s+)?
    (?:(?:an?|the|one|my|our)\s+)?(?:new\s+|good\s+|agent\s+)*(?:skills?|guide|document(?:ation)?)\b
    \s*(?:(?:for|about|on|that\s+(?:explains?|teaches|covers|describes|helps?(?:\s+(?:to|with))?)|to|which|in|of|how\s+to)\s+)?
    """
)
"""What introduces the subject of a description, and says nothing about it."""
TRAIL = re.compile(
    r"(?i)^(?:create|write|make|build|author|generate|develop|draft)\s+(?:an?|the)\s+(.+?)\s+skill\b(.*)$"
)
"""The other way to introduce it: "Create a … skill"."""
MANNER = re.compile(
    r"""(?ix) [,;.]?\s*\b(?:(?:and|but)\s+)?
    (?:(?:please\s+)?(?:use|using|with|without|no|by|do|in|via|after|first|skip)\s+)?(?:(?:an?|some)\s+)?
    (?:tdd|test[- ]driven(?:\s+development)?|test[- ]first|deep(?:er)?\s+understanding|in[- ]depth\s+interview)\b
    (?:\s+(?:workflow|approach|style|phase|first|please))*\s*
    """
)
TDD = re.compile(r"(?i)\b(tdd|test[- ]driven|test[- ]first)\b")
DEEP = re.compile(
    r"(?i)\b(deep(er|ly)?\s+understand\w*|understand\w*\s+(it\s+|me\s+)?(deep(er|ly)?|in\s+depth)"
    r"|in[- ]depth\s+interview)\b"
)
NEGATED = r"(?i)\b(no|not|without|skip|never)\s+(?:\w+\s+)?$"

MODULE = r"[A-Za-z_][A-Za-z0-9_]*(?:[.-][A-Za-z0-9_]+)*"
IN_TICKS = re.compile(rf"`({MODULE})`")
CALLED_PACKAGE = re.compile(
    rf"(?i:\b(?:package|library|module|pip install)\s+)({MODULE})"
    rf"|\b({MODULE})\s+(?:python\s+)?(?:package|library|module)\b"
)
WORKED_WITH = re.compile(
    rf"(?i:\b(?:with|using|use|for|on|about)\s+(?:the\s+|python's\s+)?)({MODULE})"
    rf"(?=\s*(?:$|[.,;:!?)])|\s+(?:and|by|from|in|test|tdd|to|with)\b)"
)
"""Only where the phrase ends with the name: one is for packaging things, another for `packaging`."""

CLAUSES = re.compile(
    r"(?:[.;:!?]+(?:\s+|$)|\n+|,\s+(?:and\s+|then\s+)*|\s+(?:and\s+then|then|and\s+also)\s+|\s+and\s+(?=\w+(?:ing|e|t)\b))"
)
STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "how",
        "i",
        "in",
        "into",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "our",
        "should",
        "so",
        "that",
        "the",
        "their",
        "them",
        "they",
        "this",
        "to",
        "us",
        "use",
        "using",
        "we",
        "when",
        "which",
        "with",
        "without",
        "you",
        "your",
    ]
)


class Brief(BaseModel):
    """The task, as it was understood."""

    task: str
    refined: str
    """The subject, in words that can stand in a sentence."""
    name: str
    category: str
    package: str | None = None
    package_because: str = ""
    clauses: list[str] = []
    """What is to be done, a phrase each."""
    deep_understanding: bool = False
    tdd: bool = False
    assumptions: list[str] = []

    @property
    def title(self) -> str:
        return _sentence_case(self.refined)


def consider(
    task: str,
    *,
    package: str | None = None,
    category: str | None = None,
    deep_understanding: bool | None = None,
    tdd: bool | None = None,
) -> Brief:
    """The brief of a task description. What is given outweighs what the description says; `package=""` means none.

    A package is taken from the description only if it is installed here.
    """
    subject = _subject(task)
    assumptions: list[str] = []
    if package is None:
        found, because = find_package(task)
    else:
        found, because = (package or None), "it was asked for"
    if found:
        assumptions.append(f"It is about the package {found}, because {because}.")
    return Brief(
        task=" ".join(task.split()),
        refined=found if found and len(subject.split()) <= 1 else subject,
        name=skill_name(found) if found else _name(subject),
        category=category or ("python" if found else "general"),
        package=found,
        package_because=because if found else "",
        clauses=_clauses(subject),
        deep_understanding=_wanted(task, DEEP) if deep_understanding is None else deep_understanding,
        tdd=_wanted(task, TDD) if tdd is None else tdd,
        assumptions=assumptions,
    )


def find_package(task: str) -> tuple[str | None, str]:
    """The installed package that a description names, and how it names it.

    In backticks or called a package, any module counts; otherwise only what was installed, since the names of the
    standard library are ordinary words.
    """
    here = _Here()
    for match in IN_TICKS.finditer(task):
        if here.importable(match[1]):
            return match[1], "the description names it in backticks"
    for match in CALLED_PACKAGE.finditer(task):
        for name in filter(None, match.groups()):
            if here.importable(name):
                return name, "the description calls it a package"
    for match in WORKED_WITH.finditer(task):
        if here.installed(match[1]):
            return match[1], "a package of this name is installed"
    return None, ""


class _Here:
    """What is installed here. Nothing is imported, and the list of all modules, which takes a while, is read once."""

    def importable(self, name: str) -> bool:
        """Whether a module, or what was installed under this name, is here."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or self.installed(name):
            return True
        try:
            return importlib.util.find_spec(top) is not None
        except (ImportError, ValueError):
            return False

    def installed(self, name: str) -> bool:
        """Whether a distribution of this name, or with a module of this name, was installed."""
        top = name.partition(".")[0]
        if top.lower() in STOPWORDS:
            return False
        try:
            importlib.metadata.distribution(top)
        except (importlib.metadata.PackageNotFoundError, ValueError):
            return top in self._modules
        return True

    @cached_property
    def _modules(self) -> Mapping[str, list[str]]:
        return importlib.metadata.packages_distributions()


def keywords(text: str) -> list[str]:
    """The words that carry the meaning, in order, each once."""
    words = re.findall(r"[A-Za-z0-9][\w.+#-]*", text)
    kept = (word.strip(".-").lower() for word in words)
    return list(dict.fromkeys(word for word in kept if word and word not in STOPWORDS))


def _subject(task: str) -> str:
    text = " ".join(task.split())
    shorter = LEAD.sub("", TRAIL.sub(r"\1\2", text))
    shorter = MANNER.sub(" ", re.sub(r"(?i)^how\s+to\s+", "", shorter)).strip(" .,;:")
    return " ".join(shorter.split()) or text


def _name(subject: str) -> str:
    words = [word for word in keywords(subject) if re.search(r"[a-z0-9]", word)]
    # In another script nothing is left that the skill format allows: a number that is the same each time.
    return skill_name("-".join(words[:NAME_WORDS])) if words else f"skill-{zlib.crc32(subject.encode()):08x}"


def _clauses(subject: str) -> list[str]:
    parts = [part.strip(" .,;:") for part in CLAUSES.split(subject)]
    return list(dict.fromkeys(part for part in parts if part))


def _sentence_case(text: str) -> str:
    text = text if len(text) <= TITLE_LIMIT else text[:TITLE_LIMIT].rpartition(" ")[0] + " …"
    return text[:1].upper() + text[1:]


def _wanted(task: str, sign: re.Pattern[str]) -> bool:
    match = sign.search(task)
    return match is not None and not re.search(NEGATED, task[: match.start()])
