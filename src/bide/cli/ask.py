"""Ask a job's question in a terminal, by its kind, line by line: a person types, or a program writes to a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from bide.cli.form import HOW_TO_LEAVE_OUT, FormReader
from bide.cli.terminal import CANCEL_WORD, CancelJob, Errors, Terminal
from bide.cli.text import as_json, printable
from bide.hitl import PromptView

Response: TypeAlias = dict[str, Any]

PROCEED = {"1", "p", "proceed", "y", "yes"}
REVISE = {"2", "r", "revise"}
CANCEL = {"3", "c", "cancel"}

CANCELLED: Response = {"action": "cancel"}
"""What is returned where the person cancels: this very object, as the answer of a form may look like it."""

READABLE = 100
"""Columns beyond which prose is tiring to read."""


def ask_in_terminal(
    prompt: PromptView,
    console: Console,
    *,
    read: Callable[[], str] | None = None,
    before: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """Show the question, read lines until they make a response, and return it, ready for `Bide.respond`.

    read: returns the next line, or raises EOFError; by default from standard input. After a refused response, `before`
    is that response, offered anew, and `errors` are those of the InvalidResponse, shown at their fields.

    The response is `CANCELLED` where the person cancels the job. Raises EOFError where the input ends.
    """
    terminal = Terminal(console, read or _standard_input, echo=read is not None or not sys.stdin.isatty())
    refused = Errors(errors)
    try:
        match prompt.kind:
            case "clarify":
                return _clarify(terminal, prompt, refused)
            case "confirm" | "preview" | "validate":
                _SHOWN[prompt.kind](terminal, prompt.data)
                return _decide(terminal, refused)
            case _:
                return _fill_in(terminal, prompt, before, refused)
    except CancelJob:
        return CANCELLED


def _standard_input() -> str:
    return input()


# ── Decisions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _decide(terminal: Terminal, refused: Errors) -> Response:
    terminal.complain(refused.under(()))
    while True:
        choice = terminal.ask("[1] proceed  [2] revise  [3] cancel the job").lower()
        if choice in PROCEED:
            return {"action": "proceed"}
        if choice in REVISE:
            return {"action": "revise", "feedback": terminal.ask_until_given("What should change?")}
        if choice in CANCEL:
            raise CancelJob
        terminal.complain(["Answer 1, 2 or 3."])


def _show_confirm(terminal: Terminal, data: Mapping[str, Any]) -> None:
    terminal.title("Is this what you want?")
    _body(terminal, data.get("summary"))
    _bullets(terminal, "Assumptions", data.get("key_assumptions"))
    _fact(terminal, "Path", data.get("path"))
    _fact(terminal, "Confidence", _share(data.get("confidence")))
    _fact(terminal, "Why", data.get("rationale"))


def _show_preview(terminal: Terminal, data: Mapping[str, Any]) -> None:
    terminal.title("Is this result good?")
    _body(terminal, data.get("content"))
    _bullets(terminal, "Highlights", data.get("highlights"))
    _bullets(terminal, "Possible issues", data.get("potential_issues"))
    _fact(terminal, "Why", data.get("rationale"))


def _show_validate(terminal: Terminal, data: Mapping[str, Any]) -> None:
    terminal.title("Accept the outcome of these checks?")
    passed = bool(data.get("passed"))
    terminal.say("✓ passed" if passed else "✗ not passed", "green" if passed else "red")
    _body(terminal, data.get("report"))
    _body(terminal, data.get("content"))
    _fact(terminal, "Path", data.get("path"))
    _fact(terminal, "Score", _share(data.get("score")))


_SHOWN: dict[str, Callable[[Terminal, Mapping[str, Any]], None]] = {
    "confirm": _show_confirm,
    "preview": _show_preview,
    "validate": _show_validate,
}


def _body(terminal: Terminal, content: object) -> None:
    if content:
        width = min(terminal.console.width, READABLE)
        terminal.console.print(Padding(_markdown(content), (0, 0, 0, 2)), width=width)


def _markdown(value: object) -> Markdown:
    # Without hyperlinks: a link whose text names another address must show where it leads.
    return Markdown(printable(value), hyperlinks=False)


def _bullets(terminal: Terminal, title: str, points: Sequence[object] | None) -> None:
    if points:
        terminal.say(f"  {title}:", "dim")
        for point in points:
            terminal.say(f"  • {point}")


def _fact(terminal: Terminal, name: str, value: object) -> None:
    if value is not None and value != "":
        terminal.say(f"  {name}: {value}", "dim")


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.0%}"


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _clarify(terminal: Terminal, prompt: PromptView, refused: Errors) -> Response:
    questions: list[dict[str, Any]] = prompt.data["questions"]
    _fact(terminal, "Why", prompt.data.get("rationale"))
    terminal.complain(refused.outside("answers"))
    answers: dict[str, str | list[str]] = {}
    for n, question in enumerate(questions):
        terminal.title(question["text"], f" ({n + 1} of {len(questions)})" if len(questions) > 1 else "")
        _fact(terminal, "Why", question.get("rationale"))
        terminal.complain(refused.under(("answers", f"q{n}")))
        answers[f"q{n}"] = _answer(terminal, question)
    return {"answers": answers}


def _answer(terminal: Terminal, question: Mapping[str, Any]) -> str | list[str]:
    options: list[dict[str, str]] = question.get("options") or []
    several, free = bool(question.get("allows_multiple")), bool(question.get("free_text")) or not options
    for number, option in enumerate(options, 1):
        line = Text.assemble((f"  [{number}] ", "bold"), terminal.text(option["label"]))
        if option.get("description"):
            line.append_text(terminal.text(f"  {option['description']}", "dim"))
        terminal.console.print(line)
    hint = _hint(bool(options), several, free)
    while True:
        given = terminal.ask_until_given(hint)
        chosen = _chosen(given, options, several)
        if chosen is not None:
            return chosen if several else chosen[0]
        if free:
            return [given] if several else given
        terminal.complain([f"Give {'numbers' if several else 'a number'} from 1 to {len(options)}."])


def _hint(has_options: bool, several: bool, free: bool) -> str:
    words: list[str] = []
    if has_options:
        words.append("numbers, as 1,2" if several else "a number")
    if free:
        words.append("your own words" if has_options else "your answer")
    return f"{' or '.join(words)} ({CANCEL_WORD} cancels the job)"


def _chosen(given: str, options: Sequence[Mapping[str, str]], several: bool) -> list[str] | None:
    """The ids of the options that were named by number, id or label; None unless every part names one."""
    names = {str(n): option["id"] for n, option in enumerate(options, 1)}
    for option in options:
        names.setdefault(option["id"].lower(), option["id"])
        names.setdefault(option["label"].lower(), option["id"])
    parts = [part.strip().lower() for part in given.split(",")] if several else [given.lower()]
    if not all(part in names for part in parts):
        return None
    return list(dict.fromkeys(names[part] for part in parts))


# ── Forms ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fill_in(terminal: Terminal, prompt: PromptView, before: Mapping[str, Any] | None, refused: Errors) -> Response:
    terminal.title(str(prompt.data.get("title") or prompt.key), f" ({CANCEL_WORD} cancels the job)")
    terminal.say(f"  {HOW_TO_LEAVE_OUT}", "dim")
    unknown = {name: value for name, value in prompt.data.items() if name not in {"title", "initial"}}
    if unknown:
        terminal.say(as_json(unknown))
    return FormReader(terminal, prompt.schema_, refused).read(before or prompt.data.get("initial") or {})
