"""An answer as a client sends it becomes an answer as Bide takes it.

Inside, an answer must fit its question's schema to the letter. Clients that were written for this service say the same
thing in several ways; each of them is understood here, and what cannot be understood is refused with the place and the
reason, never guessed. Nothing here reads or writes anything.

    clarify             {"answers": {"response": …}} with a text, a list, {"q0": …} by question, or
                        {"answers": {"0": ["id"]}, "summary": …}; the same without the outer layers
    confirm, preview, validate, tdd_red, tdd_green
                        an action that means proceed, or revise (also: refine) with `feedback`
    tdd_refactor        the same; skip means proceed
    deep_understanding  an action that means proceed, or skip, with `answer`, `problem`, `goals`
    each                an action that means cancel
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

Action: TypeAlias = Literal["proceed", "revise", "cancel"]

ACTION_KEYWORDS: Mapping[Action, tuple[str, ...]] = {
    "proceed": ("proceed", "yes", "ok", "okay", "continue", "approve", "accept", "save", "y"),
    "revise": ("revise", "change", "edit", "modify", "fix", "update"),
    "cancel": ("cancel", "abort", "stop", "quit", "no", "n"),
}
"""The words for each action, as clients are told them."""

REFINE = "refine"
SKIP = "skip"
SKIPPABLE = frozenset({"deep_understanding", "tdd_refactor"})
DECISIONS = frozenset({"confirm", "preview", "validate", "tdd_red", "tdd_green", "tdd_refactor"})

UNANSWERED = "no preference"
"""What is put for a question that was left out where others were answered: they are answered all or not at all."""

CANCEL: Mapping[str, Any] = {"action": "cancel"}

LAYERS = ("answers", "response")
INDEX = re.compile(r"[qQ]?(\d{1,3})")


class UnreadableAnswer(ValueError):
    """The answer means nothing to this question. `path` is a JSON pointer."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def read_answer(kind: str, data: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The response, as Bide takes it, to a question of this kind that shows `data`. Raises UnreadableAnswer."""
    given = {name: value for name, value in body.items() if value is not None}
    action = _action(kind, given)
    if action == "cancel":
        return dict(CANCEL)
    match kind:
        case "clarify":
            return _clarify(cast("Sequence[Mapping[str, Any]]", data.get("questions", ())), given)
        case "deep_understanding":
            return _understanding(action, given)
        case _ if kind in DECISIONS:
            return _decision(kind, action, given)
        case _:
            # A kind that this module does not know is answered as it was asked.
            return given


# ── Actions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def meaning(word: str, kind: str) -> Action | None:
    """What a word asks for, at a question of this kind."""
    word = word.strip().lower()
    if word == SKIP:
        return "proceed" if kind in SKIPPABLE else None
    if word == REFINE:
        return "revise"
    return next((action for action, words in ACTION_KEYWORDS.items() if word in words), None)


def _action(kind: str, given: Mapping[str, Any]) -> Action | None:
    """The action that was named, if any was. Raises UnreadableAnswer for one that means nothing here."""
    raw, path = given.get("action"), "/action"
    if raw is None and kind in DECISIONS:
        raw, path = _innermost(given)
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise UnreadableAnswer(path, "an action is a word")
    found = meaning(raw, kind)
    if found is None:
        if raw.strip().lower() == SKIP:
            raise UnreadableAnswer(path, "this question cannot be skipped")
        raise UnreadableAnswer(path, f"{raw.strip()[:40]!r} is no action: {_known()}")
    return found


def _known() -> str:
    words = [*(word for words in ACTION_KEYWORDS.values() for word in words), REFINE]
    return f"use one of {', '.join(words)}"


def _innermost(given: Mapping[str, Any]) -> tuple[object, str]:
    """What is in `answers.response`, `answers` or `response`, and where that is."""
    found: list[object] = [given]
    path = ""
    for layer in LAYERS:
        value = found[-1]
        if isinstance(value, Mapping) and layer in value:
            found.append(cast("Mapping[str, object]", value)[layer])
            path += f"/{layer}"
    return (found[-1], path) if path else (None, "")


def _decision(kind: str, action: Action | None, given: Mapping[str, Any]) -> dict[str, Any]:
    match action:
        case "proceed":
            return {"action": "proceed"}
        case "revise":
            return {"action": "revise", "feedback": _text(given.get("feedback", ""), "/feedback")}
        case _:
            raise UnreadableAnswer("/action", f"{kind} takes an action: {_known()}")


# ── Understanding ────────────────────────────────────────────────────────────────────────────────────────────────────


def _understanding(action: Action | None, given: Mapping[str, Any]) -> dict[str, Any]:
    if action == "revise":
        raise UnreadableAnswer("/action", "this question is answered, skipped or cancelled; there is nothing to revise")
    inner, path = _innermost(given)
    said: Mapping[str, Any] = given
    if isinstance(inner, Mapping):
        said = {**given, **cast("Mapping[str, Any]", inner)}
    answer = said.get("answer", inner if isinstance(inner, str) else "")
    read = {
        "action": "proceed",
        "answer": _text(answer, "/answer" if "answer" in said else path),
        "problem": _text(said.get("problem", ""), "/problem"),
        "goals": _goals(said.get("goals", [])),
    }
    if action is None and not (read["answer"] or read["problem"] or read["goals"]):
        raise UnreadableAnswer("", "say something, or send an action: proceed, skip or cancel")
    return read


def _goals(value: object) -> list[str]:
    parts = re.split(r"[\n;]", value) if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise UnreadableAnswer("/goals", "goals are a list of texts")
    texts = [_text(goal, f"/goals/{n}") for n, goal in enumerate(cast("list[object]", parts))]
    return [text for text in texts if text]


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _clarify(questions: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    raw, path, summary = _summarised(*_innermost(given), "")
    if raw is None:
        raise UnreadableAnswer("/answers", "these questions are answered with answers.response")
    answers = _by_question(questions, raw, path)
    if not any(answers) and not summary:
        raise UnreadableAnswer(path, "nothing was answered")
    return {
        "answers": {f"q{n}": answer or _unanswered(questions[n], summary) for n, answer in enumerate(answers)},
        "summary": summary,
    }


def _summarised(raw: object, path: str, summary: str) -> tuple[object, str, str]:
    """The answers alone, where they are, and the summary that stands beside or among them."""
    if not isinstance(raw, Mapping):
        return raw, path, summary
    fields = cast("Mapping[str, object]", raw)
    summary = _text(fields.get("summary", summary), f"{path}/summary")
    if "answers" in fields:
        return _summarised(fields["answers"], f"{path}/answers", summary)
    return fields, path, summary


def _by_question(questions: Sequence[Mapping[str, Any]], raw: object, path: str) -> list[str | list[str]]:
    """An answer for each question, empty where there is none."""
    match raw:
        case str():
            texts = _split(raw, len(questions))
            return [_fit(question, text, path) for question, text in zip(questions, texts, strict=True)]
        case list():
            items = cast("list[object]", raw)
            if len(questions) == 1 and all(isinstance(item, str) for item in items):
                return [_fit(questions[0], items, path)]
            if len(items) > len(questions):
                raise UnreadableAnswer(path, f"{len(items)} answers to {len(questions)} questions")
            items = [*items, *([""] * (len(questions) - len(items)))]
            return [_fit(q, item, f"{path}/{n}") for n, (q, item) in enumerate(zip(questions, items, strict=True))]
        case Mapping():
            return _by_name(questions, cast("Mapping[str, Any]", raw), path)
        case _:
            raise UnreadableAnswer(path, "an answer is a text, a list, or an object by question")


def _by_name(questions: Sequence[Mapping[str, Any]], raw: Mapping[str, Any], path: str) -> list[str | list[str]]:
    found: list[str | list[str]] = [""] * len(questions)
    numbers = {_fold(str(question.get("text", ""))): n for n, question in enumerate(questions)}
    for name, value in raw.items():
        if name == "summary":
            continue
        match = INDEX.fullmatch(name.strip())
        number = int(match[1]) if match else numbers.get(_fold(name), -1)
        if not 0 <= number < len(questions):
            asked = ", ".join(f"q{n}" for n in range(len(questions)))
            raise UnreadableAnswer(f"{path}/{name}", f"there is no such question: {asked} were asked")
        found[number] = _fit(questions[number], value, f"{path}/{name}")
    return found


def _split(text: str, count: int) -> list[str]:
    """One text for several questions: its numbered parts or its lines, if they are as many; else all of it for each."""
    if count == 1:
        return [text]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [re.sub(r"^\(?[qQ]?\d{1,2}[.):]\s*", "", part) for part in lines]
    if len(lines) == count:
        return numbered
    inline = [part.strip() for part in re.split(r"(?:^|\s)\(?[qQ]?\d{1,2}[.):]\s+", text) if part.strip()]
    return inline if len(inline) == count else [text] * count


def _fit(question: Mapping[str, Any], value: object, path: str) -> str | list[str]:
    """The answer by the question's own options: their ids, where it names them by id, by label or in other case."""
    several = bool(question.get("allows_multiple"))
    if isinstance(value, Mapping):
        value = _unwrapped(cast("Mapping[str, Any]", value), path)
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = [_chosen(question, _text(item, path)) for item in items]
    texts = list(dict.fromkeys(text for text in texts if text))
    if several and len(texts) == 1 and isinstance(value, str):
        # "a, b" names two, if both are options; otherwise it is a sentence.
        parts = [_chosen(question, part) for part in re.split(r"[,;]", value) if part.strip()]
        if len(parts) > 1 and set(parts) <= _ids(question):
            texts = list(dict.fromkeys(parts))
    if several and isinstance(value, list):
        return texts
    return texts if several and len(texts) > 1 else ", ".join(texts)


def _unwrapped(value: Mapping[str, Any], path: str) -> object:
    """`{"selected": ["a"], "text": "…"}` and its like: what was chosen, and what was added in words."""
    named = ("selected", "selected_options", "options", "answer", "value", "id", "text", "other", "free_text")
    found: list[object] = []
    for name in named:
        part = value.get(name)
        found += cast("list[object]", part) if isinstance(part, list) else [part] if part else []
    if not found:
        raise UnreadableAnswer(path, f"an answer as an object holds one of {', '.join(named)}")
    return found[0] if len(found) == 1 else found


def _ids(question: Mapping[str, Any]) -> set[str]:
    return {str(option["id"]) for option in question.get("options") or ()}


def _chosen(question: Mapping[str, Any], text: str) -> str:
    folded = _fold(text)
    options = cast("Sequence[Mapping[str, Any]]", question.get("options") or ())
    for name in ("id", "label"):
        for option in options:
            if _fold(str(option[name])) == folded:
                return str(option["id"])
    return text


def _unanswered(question: Mapping[str, Any], summary: str) -> str:
    return summary or UNANSWERED


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip("?")


def _text(value: object, path: str) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str):
        raise UnreadableAnswer(path, "a text was expected")
    return value.strip()
