"""The public names in a few groups a person can choose from, by where and what they are, for any package."""

import re
from collections.abc import Sequence

from examples.skills.guidance import VERBS
from examples.skills.surface import PublicName, Topic

ALL = "all"
TOPIC_LIMIT = 10
SMALLEST_TOPIC = 2
LAST = ("constants", "more", "errors")  # these come after the topics that show what the package is for
CLAUSES = re.compile(r"[,\n]|[.;](?=\s|$)|&|\band\b|(?=\bbut\b)")
EXCLUDING = re.compile(rf"\b(?:{VERBS['exclude']}|but|except|no|not|without)\b", re.IGNORECASE)
CHOOSING = re.compile(
    r"an?|about|and|are|cover|everything|focus|for|i|include|is|it|just|like|need|on|only|parts?|please|section|that|the|"
    r"these|things?|this|those|to|topics?|want|what|with|would"
)
"""Words of a sentence that chooses, and say nothing else."""


def weight(public: PublicName) -> int:
    """How much there is to say about a name: what a skill should mention first."""
    documented = 2 if public.summary else 0
    callable_itself = 2 if public.kind == "function" else 0
    # What one opens with `with` is usually what a package is entered through; of two twins the plain one comes first.
    entrance = {"with": 16, "async with": 8, "": 0}[public.enters]
    return documented + callable_itself + entrance + 2 * len(public.methods) + len(public.properties)


def _topic_of(public: PublicName) -> str:
    if public.kind == "exception":
        return "errors"
    if public.asynchronous or public.name.startswith(("Async", "async_")):
        return "async"
    # Of `transports.base` the first part is the one that says what it is about.
    if public.home:
        return public.home.partition(".")[0]
    return {"class": "classes", "enum": "enums", "function": "functions", "module": "modules"}.get(
        public.kind, "constants"
    )


def group_into_topics(names: Sequence[PublicName]) -> list[Topic]:
    """At most ten topics, the weightiest first, and each name in exactly one of them."""
    groups: dict[str, list[PublicName]] = {}
    for public in names:
        groups.setdefault(_topic_of(public), []).append(public)
    heaviest = {topic: max(map(weight, group)) for topic, group in groups.items()}
    average = sum(heaviest.values()) / max(1, len(groups))

    def worth_a_choice(topic: str) -> bool:
        # A group of one counts if its name is central to the package.
        return topic in ("errors", "async") or len(groups[topic]) >= SMALLEST_TOPIC or heaviest[topic] > average

    ranked = sorted(groups, key=lambda topic: (topic in LAST, -heaviest[topic] - len(groups[topic]), topic))
    kept = [topic for topic in ranked if topic not in LAST and worth_a_choice(topic)]
    kept = kept[: TOPIC_LIMIT - len(LAST)]
    kept += [topic for topic in ("constants", "errors") if topic in groups and worth_a_choice(topic)]
    rest = [public for topic in ranked if topic not in kept for public in groups[topic]]
    if rest:
        groups["more"] = rest
        kept.append("more")
    kept.sort(key=lambda topic: LAST.index(topic) if topic in LAST else -1)
    return [_topic(topic, groups[topic]) for topic in kept]


def _topic(name: str, group: list[PublicName]) -> Topic:
    # Of errors the general ones first: they are the ones to catch.
    ordered = [public.name for public in sorted(group, key=lambda public: (-weight(public), len(public.bases)))]
    shown = ", ".join(ordered[:4])
    more = len(ordered) - 4
    return Topic(id=name, description=f"{shown} and {more} more" if more > 0 else shown, names=ordered)


def choose_topics(answer: str | Sequence[str], topics: Sequence[Topic]) -> tuple[list[str], str]:
    """The topics that a person's answer names, and what else it says.

    An answer is a list of ids or a text: ids, or the numbers they were shown with, alone or in a sentence as "only what
    is about errors". Nothing chosen means everything; so does "all". What was used to choose is not said again.
    """
    text = answer if isinstance(answer, str) else ",".join(answer)
    ids = [topic.id for topic in topics]
    by_word = {ALL: ALL} | {topic.lower(): topic for topic in ids}
    by_word |= {str(number): topic for number, topic in enumerate([*ids, ALL], start=1)}
    chosen: list[str] = []
    unused: list[str] = []
    for clause in filter(None, (clause.strip() for clause in CLAUSES.split(text))):
        words = [word.strip("`'\"()!?:") for word in clause.lower().split()]
        # Among other words a number may count something else: "2 examples".
        numbers = all(word.isdigit() or CHOOSING.fullmatch(word) for word in words)
        usable = [word for word in words if word in by_word and (numbers or not word.isdigit())]
        named = [] if EXCLUDING.search(clause) else [by_word[word] for word in usable]
        chosen += named
        if not named or any(word not in usable and not CHOOSING.fullmatch(word) for word in words):
            unused.append(clause)
    kept = ids if ALL in chosen or not chosen else [topic for topic in ids if topic in chosen]
    return kept, ", ".join(unused)
