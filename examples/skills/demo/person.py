"""Who answers the job's questions: a person at the terminal, or the demo itself at the same prompts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bide import PromptView
from bide.cli.ask import ask_in_terminal

UNATTENDED: Mapping[str, str] = {"clarify": "all", "confirm": "1", "preview": "1", "validate": "1"}
"""What the demo types when it answers itself, by the kind of the question."""

EXCERPT_LINES = 24


class Person:
    """Answers questions at the terminal. `name` is recorded with each answer. `kept`: its drafts outlive the demo."""

    def __init__(self, console: Console, name: str, *, attended: bool, kept: bool) -> None:
        self._console = console
        self._attended = attended
        self._kept = kept
        self._drafts = 0
        self.name = name

    def answer(self, prompt: PromptView, drafts: Path, errors: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
        """The response to this question. Of a draft only the beginning is shown; all of it goes into `drafts`."""
        shown = self._abridged(prompt, drafts) if prompt.kind == "preview" else prompt
        return ask_in_terminal(shown, self._console, read=self._typing(prompt.kind), errors=errors)

    def _typing(self, kind: str) -> Callable[[], str] | None:
        return None if self._attended else lambda: UNATTENDED[kind]

    def _abridged(self, prompt: PromptView, drafts: Path) -> PromptView:
        """The question with the beginning of its document: all of it would push everything else off the screen."""
        self._drafts += 1
        path = drafts / f"draft-{self._drafts}.md"
        content = str(prompt.data["content"])
        path.write_text(content, encoding="utf-8")
        where = f"in `{path}`" if self._kept else f"in `{path}` until the demo ends"
        return prompt.model_copy(update={"data": {**prompt.data, "content": excerpt(content, where)}})


def excerpt(content: str, where: str) -> str:
    """The document up to the section with its first table, at most two dozen lines of it, and where the rest is."""
    lines = _without_front_matter(content.strip().splitlines())
    table = next((n for n, line in enumerate(lines) if line.startswith("|")), len(lines))
    section = max((n for n in range(1, table) if lines[n].startswith("## ")), default=table)
    shown = lines[: min(section if table < len(lines) else table, EXCERPT_LINES)]
    while shown and (not shown[-1].strip() or shown[-1].startswith("#")):
        shown.pop()
    rest = len(lines) - len(shown)
    return "\n".join([*shown, "", f"… and {rest} more lines, {where}"]) if rest else "\n".join(shown)


def _without_front_matter(lines: list[str]) -> list[str]:
    if lines and lines[0] == "---" and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    while lines and not lines[0].strip():
        lines = lines[1:]
    return lines
