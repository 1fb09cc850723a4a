"""Questions as they come, from a model or a client, become questions as they are asked.

They come as one text with numbers, as a list of texts, or as objects whose fields go by several names. They are asked
in one form: a text, options with ids or none, one answer or several, and why.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from bide import Option, Question

NUMBER = re.compile(r"(?:^|(?<=\s))(?:\(?\d{1,2}[.):]|[Qq]\d{1,2}[.):])\s+")
"""What begins a question in a text: `1. `, `(2) `, `3) `, `Q4: `."""
BULLET = re.compile(r"^[-*•]\s+")

TEXTS = ("text", "question", "prompt", "title", "label")
OPTIONS = ("options", "choices", "suggestions", "answers")
SEVERAL = ("allows_multiple", "allow_multiple", "multiple", "multi_select", "multiselect")
REASONS = ("rationale", "reason", "why", "context")
IDS = ("id", "value", "key")
LABELS = ("label", "text", "name", "title", "value", "id")
DESCRIPTIONS = ("description", "detail", "hint", "help")


def normalise(raw: object) -> list[Question]:
    """All questions in `raw`, in order. What holds no question at all gives none."""
    match raw:
        case str():
            return [Question(text=text) for text in split_text(raw)]
        case Mapping():
            return _of_mapping(cast("Mapping[str, Any]", raw))
        case list() | tuple():
            return [question for item in cast("Sequence[object]", raw) for question in _of_item(item)]
        case _:
            return []


def split_text(text: str) -> list[str]:
    """The questions in one text: by their numbers, else by its lines where each of them asks something, else as one."""
    text = text.strip()
    starts = list(NUMBER.finditer(text))
    if len(starts) > 1 or (starts and starts[0].start() == 0):
        ends = [*(start.start() for start in starts[1:]), len(text)]
        parts = [text[start.end() : end] for start, end in zip(starts, ends, strict=True)]
        return [part for part in map(_clean, parts) if part]
    lines = [line.strip() for line in text.splitlines() if _clean(line)]
    if len(lines) > 1 and all(line.endswith("?") or BULLET.match(line) for line in lines):
        return [_clean(line) for line in lines]
    return [" ".join(map(_clean, lines))] if lines else []


def _clean(text: str) -> str:
    return " ".join(BULLET.sub("", text.strip()).split())


def _of_item(item: object) -> list[Question]:
    if isinstance(item, str):
        # An item of a list is one question, though it may bring its own number.
        text = _clean(NUMBER.sub("", item, count=1) if NUMBER.match(item.strip()) else item)
        return [Question(text=text)] if text else []
    return normalise(item)


def _of_mapping(raw: Mapping[str, Any]) -> list[Question]:
    if "questions" in raw:
        return normalise(raw["questions"])
    text = _first(raw, TEXTS)
    if not text:
        return []
    options = next((found for name in OPTIONS if (found := _options(raw.get(name)))), None)
    return [
        Question(
            text=text,
            options=options,
            allows_multiple=any(raw.get(name) is True for name in SEVERAL),
            # People may always answer in their own words: the client decides whether it offers that.
            free_text=options is not None,
            rationale=_first(raw, REASONS),
        )
    ]


def _options(raw: object) -> list[Option] | None:
    found: list[Option] = []
    match raw:
        case Mapping():
            items: Iterable[object] = [
                {"id": key, "label": value} for key, value in cast("Mapping[str, object]", raw).items()
            ]
        case list() | tuple():
            items = cast("Sequence[object]", raw)
        case _:
            return None
    for item in items:
        option = _option(item)
        if option is not None:
            found.append(_distinct(option, found))
    return found or None


def _option(item: object) -> Option | None:
    match item:
        case str() | int() | float():
            label = _clean(str(item))
            return Option(id=_slug(label), label=label) if label else None
        case Mapping():
            fields = cast("Mapping[str, Any]", item)
            label = _first(fields, LABELS)
            if not label:
                return None
            return Option(id=_first(fields, IDS) or _slug(label), label=label, description=_first(fields, DESCRIPTIONS))
        case _:
            return None


def _distinct(option: Option, before: Sequence[Option]) -> Option:
    taken = {other.id for other in before}
    if option.id not in taken:
        return option
    number = next(n for n in range(2, len(taken) + 3) if f"{option.id}-{n}" not in taken)
    return Option(id=f"{option.id}-{number}", label=option.label, description=option.description)


def _slug(label: str) -> str:
    return re.sub(r"[^\w]+", "-", label.lower()).strip("-") or label


def _first(fields: Mapping[str, Any], names: Iterable[str]) -> str:
    """The first of these fields that says something."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and (text := _clean(str(value))):
            return text
    return ""
